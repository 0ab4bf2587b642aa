package campaign

// Child runs what this process was started for by a campaign, and does not return then.
func Child() {}
