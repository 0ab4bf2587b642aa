package campaign

func compareWithRedis(r *Run) {}
