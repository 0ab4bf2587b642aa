package tidy

import (
	"go/ast"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// phrases matches habitual phrases for which plain English has a standard term.
var phrases = regexp.MustCompile(strings.Join([]string{
	`\b(stands?|stood)\b`,
	`\b(tells?|told)\b`,
	`\b([Ii]t|that) (is|are) (an? )?[*]?(Err[A-Z]|[A-Z][A-Za-z]*Error)`,
	`\bbehind\b`,
	`\b(for|by|of|to|from) who\b|\bwho(ever)? [a-z]+s\b|(^|[.:;] |// )Who `,
	`\b(lets?|letting) go\b|\bgives? up\b|\bgiven up\b|\bgave up\b`,
	`\bmeanwhile\b`,
	`\b([Oo]urs?|[Ww]e)\b`,
	`\brelatives\b|\band (its|their|the) like\b`,
	`\bpass(es|ed|ing)? over\b|\btaken? for\b|\btakes (it|that) for\b`,
	`\b(says?|said) (whether|which|that|how|if|what|why|when|where|so)\b`,
	`// [A-Za-z]+ is (how|what|when|who|whether|where)\b`,
	`\b(one|an|the|this|that|each|of) instants?\b`,
	`\b(go|goes|going|went) on\b`,
	`\bbut (for|that)\b|\bnothing but\b`,
	`\bshall\b`,
	`\bsome (micro|milli)?seconds\b|\bsome minutes\b|\bsome [0-9]`,
	`\b(a|an|two|three) (third|quarter|fifth|eighth|tenth|twentieth|sixteenth|sixtyfourth)s?\b|\bhalf as\b`,
	`\b(come|comes|came) to\b`,
	`\b(taken?|takes) (it |them )?(away|back|off)\b`,
	`\b(loss of power|lost power|loses? (the )?power|power is (gone|lost)|with power)\b`,
	`\bnotes (what|that|where|how|an?|the)\b`,
	`\bby (itself|themselves)\b|\bof (its|their|his) own\b`,
	`\b(inside|outside) of\b|\bupon\b|\bbeside\b|\bfor ever\b|\bin (the )?place of\b`,
	`\b(has|have|had) none\b|\bif there (is|are) none\b`,
}, "|"))

// TestCommentsContainNoHabitualPhrase checks the comments of all Go files.
func TestCommentsContainNoHabitualPhrase(t *testing.T) {
	for _, f := range allFiles(t) {
		if f.path == "internal/tidy/phrases_test.go" {
			continue
		}
		comments(f, func(c *ast.Comment) {
			for i, line := range strings.Split(c.Text, "\n") {
				if phrase := phrases.FindString(line); phrase != "" {
					t.Errorf("%s:%d: comment has %q, want a plain phrase",
						f.path, f.fset.Position(c.Pos()).Line+i, phrase)
				}
			}
		})
	}
}

// TestMessagesContainNoHabitualPhrase checks errors, log messages, output, and failure messages.
func TestMessagesContainNoHabitualPhrase(t *testing.T) {
	for _, f := range allFiles(t) {
		messages(f, func(pos token.Position, text string) {
			if phrase := phrases.FindString(text); phrase != "" {
				t.Errorf("%s:%d: message has %q, want a plain phrase", f.path, pos.Line, phrase)
			}
		})
	}
}

// printers names the functions and methods whose string arguments are messages.
var printers = regexp.MustCompile(`^(New|Torn|flawed|wrong|failf|misuse|warn)$|` +
	`^(Error|Fatal|Skip|Log|Print|Fprint|Sprint)(f|ln)?$|^(Debug|Info|Warn|Note)$`)

// messages calls fn for the string literals in arguments of printers that contain a space.
func messages(f file, fn func(pos token.Position, text string)) {
	ast.Inspect(f.tree, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !printers.MatchString(called(call)) {
			return true
		}
		for _, arg := range call.Args {
			lit, ok := arg.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				continue
			}
			if text, err := strconv.Unquote(lit.Value); err == nil && strings.Contains(text, " ") {
				fn(f.fset.Position(lit.Pos()), text)
			}
		}
		return true
	})
}

// called returns the name of the called function or method, without its package or receiver.
func called(call *ast.CallExpr) string {
	switch fn := call.Fun.(type) {
	case *ast.Ident:
		return fn.Name
	case *ast.SelectorExpr:
		return fn.Sel.Name
	}
	return ""
}

// TestErrorTexts checks the form of errors: lower case, no final period, no "failed to", and the
// prefix "perdure: " only at the start.
func TestErrorTexts(t *testing.T) {
	for _, f := range files(t) {
		if f.test {
			continue
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "Errorf" && sel.Sel.Name != "New" {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			lit, isLit := call.Args[0].(*ast.BasicLit)
			if !ok || pkg.Name != "fmt" && pkg.Name != "errors" || !isLit {
				return true
			}
			text, _ := strconv.Unquote(lit.Value)
			if problem := errorText(text); problem != "" {
				t.Errorf("%s: %q %s, want an error text that does not",
					f.fset.Position(lit.Pos()), text, problem)
			}
			return true
		})
	}
}

// named lists the packages whose exported functions begin every error with "perdure: ", once.
var named = []string{"aof", "appendlog", "rdb", "redisconf", "snapshot"}

// otherwiseNamed lists the functions whose errors begin with the prefix for another reason.
var otherwiseNamed = map[string]string{
	"Entries":  "of Records",
	"Header":   "of Records",
	"Validate": "of ErrRule",
}

// TestExportedFunctionsNameErrors checks that every exported function of these packages that
// returns an error calls package errtext.
func TestExportedFunctionsNameErrors(t *testing.T) {
	for _, f := range files(t) {
		if f.test || !contains(named, f.dir) {
			continue
		}
		for _, d := range f.tree.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !fn.Name.IsExported() || !visible(fn) || fn.Name.Name == "Unwrap" || !returnsError(fn) {
				continue
			}
			if otherwiseNamed[fn.Name.Name] == "" && !namesErrors(fn) {
				t.Errorf("%s: %s returns an error without errtext.Name or errtext.Named", f.path, fn.Name.Name)
			}
		}
	}
}

// returnsError reports whether the last result of a function is an error or a sequence with errors.
func returnsError(fn *ast.FuncDecl) bool {
	if fn.Type.Results == nil {
		return false
	}
	list := fn.Type.Results.List
	switch last := list[len(list)-1].Type.(type) {
	case *ast.Ident:
		return last.Name == "error"
	case *ast.IndexListExpr:
		second, ok := last.Indices[len(last.Indices)-1].(*ast.Ident)
		return ok && second.Name == "error"
	}
	return false
}

// namesErrors reports whether a function calls errtext.
func namesErrors(fn *ast.FuncDecl) bool {
	found := false
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if ok {
			pkg, isPackage := sel.X.(*ast.Ident)
			found = found || isPackage && pkg.Name == "errtext" && sel.Sel.Name != "Trim"
		}
		return !found
	})
	return found
}

// sentence matches a text that begins with a capitalized English word, not with the name of a
// function such as "Open = %v" or "ErrClosed".
var sentence = regexp.MustCompile(`^(A|An|The|This|It|No|Cannot|Could|Want|Not) `)

// errorText returns the problem of the text of an error, or "".
func errorText(text string) string {
	switch {
	case sentence.MatchString(text):
		return "is not lower case"
	case strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "..."), strings.HasSuffix(text, "!"):
		return "ends with punctuation"
	case strings.Contains(text, "failed to "):
		return `contains "failed to"`
	case strings.LastIndex(text, "perdure: ") > 0:
		return `contains "perdure: " after the start`
	}
	return ""
}
