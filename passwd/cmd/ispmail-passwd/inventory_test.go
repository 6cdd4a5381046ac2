package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd"
)

// A logLine is what a call of a logger writes.
type logLine struct {
	level  string
	fields map[string]bool
}

// TestInventory compares the lines of the log in the documentation with the calls of loggers in the source: messages and levels in
// both directions, and no field of the source is missing in the documentation.
func TestInventory(t *testing.T) {
	t.Parallel()
	const top = "../../../"
	documented := map[string]logLine{}
	text, err := os.ReadFile(top + "examples/deployment/log.md")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.Contains(line, "---") || strings.HasPrefix(line, "| msg") || strings.HasPrefix(line, "| http: ") {
			continue
		}
		fields := map[string]bool{}
		for field := range strings.SplitSeq(cells[3], ",") {
			if field = strings.TrimSpace(field); field != "" {
				fields[field] = true
			}
		}
		documented[strings.TrimSpace(cells[1])] = logLine{strings.TrimSpace(cells[2]), fields}
	}
	require.Greater(t, len(documented), 15)

	written := map[string]logLine{}
	for _, dir := range []string{"ispmail", "hash", "passwd"} {
		require.NoError(t, filepath.WalkDir(top+dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/ispmailctl/") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, declaration := range file.Decls {
				if function, ok := declaration.(*ast.FuncDecl); ok && function.Body != nil {
					linesOf(t, path, function, written)
				}
			}
			return nil
		}))
	}
	for _, attr := range (passwd.Event{}).LogValue().Group() { // which is passed on as a whole
		for _, message := range []string{"password changed", "password not changed"} {
			written[message].fields[attr.Key] = true
		}
	}
	for message, line := range written {
		assert.Equal(t, documented[message].level, line.level, "%q in log.md", message)
		for field := range line.fields {
			assert.True(t, documented[message].fields[field], "log.md: %q has the field %s", message, field)
		}
	}
	for message := range documented {
		assert.Contains(t, written, message, "log.md has a line that nothing writes")
	}
}

// levels are the methods of a logger that say a level, and the others by "".
var levels = map[string]string{
	"Debug": "DEBUG", "DebugContext": "DEBUG", "Info": "INFO", "InfoContext": "INFO", "Warn": "WARN", "WarnContext": "WARN",
	"Error": "ERROR", "ErrorContext": "ERROR", "Log": "", "LogAttrs": "",
}

// linesOf adds what the calls of loggers in a function write. A message or level in a variable is looked for in the assignments of
// the function.
func linesOf(t *testing.T, path string, function *ast.FuncDecl, written map[string]logLine) {
	t.Helper()
	ast.Inspect(function, func(n ast.Node) bool {
		call, isCall := n.(*ast.CallExpr)
		if !isCall {
			return true
		}
		selector, isSelector := call.Fun.(*ast.SelectorExpr)
		if !isSelector || !isLogger(selector.X) {
			return true
		}
		level, isLog := levels[selector.Sel.Name]
		if !isLog {
			return true
		}
		at := 0
		if strings.HasSuffix(selector.Sel.Name, "Context") {
			at = 1
		}
		if level == "" {
			at = 2
		}
		fields := map[string]bool{}
		for _, argument := range call.Args[at+1:] {
			for _, value := range valuesOf(function, argument) {
				if key, ok := keyOf(value); ok {
					fields[key] = true
				}
			}
		}
		messages := valuesOf(function, call.Args[at])
		assert.NotEmpty(t, messages, "%s: a message that is no literal", path)
		for i, message := range messages {
			text, ok := textOf(message)
			if !assert.True(t, ok, "%s: a message that is no literal", path) {
				continue
			}
			line := logLine{level, fields}
			if level == "" {
				found := valuesOf(function, call.Args[1])
				line.level = levelOf(found[min(i, len(found)-1)])
			}
			written[text] = line
		}
		return true
	})
}

// isLogger reports whether an expression is a logger, by its name.
func isLogger(x ast.Expr) bool {
	name := ""
	switch x := x.(type) {
	case *ast.Ident:
		name = x.Name
	case *ast.SelectorExpr:
		name = x.Sel.Name
	}
	return slices.Contains([]string{"log", "Logger", "logger", "slog"}, name)
}

// valuesOf returns an expression, or what a function assigns to it if it is a variable.
func valuesOf(function *ast.FuncDecl, x ast.Expr) (values []ast.Expr) {
	variable, isVariable := x.(*ast.Ident)
	if !isVariable {
		return []ast.Expr{x}
	}
	ast.Inspect(function, func(n ast.Node) bool {
		assignment, ok := n.(*ast.AssignStmt)
		if !ok || len(assignment.Lhs) != len(assignment.Rhs) {
			return true
		}
		for i, left := range assignment.Lhs {
			if name, ok := left.(*ast.Ident); ok && name.Name == variable.Name {
				values = append(values, assignment.Rhs[i])
			}
		}
		return true
	})
	return values
}

func textOf(x ast.Expr) (string, bool) {
	literal, ok := x.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(literal.Value)
	return text, err == nil
}

// keyOf returns the key of slog.String("key", ...) and its like.
func keyOf(x ast.Expr) (string, bool) {
	call, ok := x.(*ast.CallExpr)
	if !ok || len(call.Args) < 2 {
		return "", false
	}
	return textOf(call.Args[0])
}

// levelOf returns the level of slog.LevelWarn and its like.
func levelOf(x ast.Expr) string {
	if selector, ok := x.(*ast.SelectorExpr); ok {
		return strings.ToUpper(strings.TrimPrefix(selector.Sel.Name, "Level"))
	}
	return ""
}
