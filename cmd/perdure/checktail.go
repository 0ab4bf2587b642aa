package main

import "github.com/perduredb/perdure/aof"

// kindTail is the tail file of a log that was killed in Ring mode.
const kindTail = "tail"

// addTail adds the report of a tail file to the result.
func (a *app) addTail(result *checked, t *aof.TailReport) {
	if t == nil {
		return
	}
	f := checkedFile{
		File: t.Path, Kind: kindTail, OK: t.Problem == nil, Commands: &t.Commands,
		Problem: problemOf(t.Problem), Missing: t.Missing, Note: tailNote(t),
	}
	if info, err := a.fs.Lstat(t.Path); err == nil {
		f.Size = info.Size()
	}
	result.Files = append(result.Files, f)
}

// tailNote describes what Open does with a tail file.
func tailNote(t *aof.TailReport) string {
	switch {
	case t.Problem != nil:
		return ""
	case t.Elapsed:
		return "from an earlier boot; Open deletes it"
	case t.Reason != "" && t.Missing > 0:
		return count(t.Missing, "byte") + " from a killed process are missing from the log; Open appends them; the rest does not belong to the log: " + t.Reason
	case t.Reason != "":
		return "does not belong to the log; Open renames the file and keeps it: " + t.Reason
	case t.Missing > 0:
		return count(t.Missing, "byte") + " from a killed process are missing from the log; Open appends them"
	}
	return "nothing is missing from the log"
}
