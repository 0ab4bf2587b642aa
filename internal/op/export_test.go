package op

// A Declaration is the arity and the keys of a command.
type Declaration struct {
	Arity, First, Last, Step int
	Keys                     func(words [][]byte) (first, end int)
}

// Declared returns the commands that are applied, by name.
func Declared() map[string]Declaration {
	all := map[string]Declaration{}
	for i := range Commands {
		c := &Commands[i]
		all[c.Name] = Declaration{c.Arity, c.Keys.First, c.Keys.Last, c.Keys.Step, c.KeysOf}
	}
	return all
}

// Refused reports whether a command is known and refused.
func Refused(name string) bool {
	_, ok := refusedAs[name]
	return ok
}
