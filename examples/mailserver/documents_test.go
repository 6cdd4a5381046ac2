package mailserver_test

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// top is the top of the repository.
const top = "../.."

// A document is a file for people to read.
type document struct {
	path   string // from the top of the repository
	prose  string // without its blocks of code
	blocks []string
}

// documents returns all of them.
func documents(t *testing.T) (all []document) {
	t.Helper()
	root := os.DirFS(top)
	require.NoError(t, fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "dist" || entry.Name() == "testdata"):
			return fs.SkipDir
		case path.Ext(name) != ".md":
			return nil
		}
		text, err := fs.ReadFile(root, name)
		d := document{path: name}
		d.prose, d.blocks = split(string(text))
		all = append(all, d)
		return err
	}))
	require.Greater(t, len(all), 8)
	return all
}

// readDocument returns one of them, by its path.
func readDocument(t *testing.T, path string) document {
	t.Helper()
	all := documents(t)
	i := slices.IndexFunc(all, func(d document) bool { return d.path == path })
	require.NotEqual(t, -1, i, path)
	return all[i]
}

// split takes the blocks of code out of a document: those between fences, and those that are indented after a blank line.
func split(text string) (prose string, blocks []string) {
	var rest, block strings.Builder
	fence, indented, blank := false, false, true
	for line := range strings.Lines(text) {
		isFence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if !fence && !isFence {
			indented = strings.HasPrefix(line, "    ") && (indented || blank) || indented && strings.TrimSpace(line) == ""
			blank = strings.TrimSpace(line) == ""
		}
		switch {
		case fence && !isFence:
			block.WriteString(line)
		case indented && !isFence:
			block.WriteString(strings.TrimPrefix(line, "    "))
		default:
			if isFence {
				fence = !fence
			} else {
				rest.WriteString(line)
			}
			if strings.TrimSpace(block.String()) != "" {
				blocks = append(blocks, strings.TrimRight(block.String(), "\n")+"\n")
			}
			block.Reset()
		}
	}
	if strings.TrimSpace(block.String()) != "" {
		blocks = append(blocks, strings.TrimRight(block.String(), "\n")+"\n")
	}
	return rest.String(), blocks
}

// documented returns the only block of code of all documents with a line that begins like this, wherever it stands.
func documented(t *testing.T, line string) string {
	t.Helper()
	var found []string
	for _, d := range documents(t) {
		for _, block := range d.blocks {
			if hasLine(block, line) {
				found = append(found, block)
			}
		}
	}
	require.Len(t, found, 1, "blocks of code with a line %s", line)
	return found[0]
}

func hasLine(block, begin string) bool {
	return strings.HasPrefix(block, begin) || strings.Contains(block, "\n"+begin)
}

var (
	inlineCode = regexp.MustCompile("`[^`]*`")
	link       = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#+ (.*)$`)
	noAnchor   = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	// packaged is a file of the package.
	packaged = regexp.MustCompile(`/usr/(?:share/doc/ispmail|lib/ispmail-passwd|share/roundcube/plugins/password/drivers)/[\w./-]*\w`)
	// namedFile is a path from the top of the repository.
	namedFile = regexp.MustCompile("(?m)(?:^|[\\s`\"'(<=])(?:\\./)?((?:examples|passwd|ispmail|hash|\\.ci|\\.github)/[\\w./@-]*\\w)")
)

// anchors returns what a link may lead to within a document, as GitHub names it.
func anchors(d document) map[string]bool {
	found := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(d.prose, -1) {
		text := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(h[1], "$1")
		found[strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(text)), ""), " ", "-")] = true
	}
	return found
}

// links returns where the links of a document lead.
func (d document) links() (all []string) {
	for _, found := range link.FindAllStringSubmatch(inlineCode.ReplaceAllString(d.prose, "code"), -1) {
		all = append(all, found[1])
	}
	return all
}

// follow returns where a relative link leads from the top, and the heading there.
func (d document) follow(target string) (where, anchor string, hasAnchor bool) {
	file, anchor, hasAnchor := strings.Cut(target, "#")
	switch {
	case file == "":
		where = d.path
	case path.IsAbs(file):
		where = file
	default:
		where = path.Join(path.Dir(d.path), file)
	}
	return where, anchor, hasAnchor
}

// TestPackagedLinks follows the links of the documents that the package installs: each leads to a file on the server, or to one of
// this repository at GitHub.
func TestPackagedLinks(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	here, there := map[string]document{}, map[string]document{}
	for _, d := range documents(t) {
		there[d.path] = d
	}
	for file := range strings.FieldsSeq(s.do(t, "ls /usr/share/doc/ispmail/*.md*")) {
		d := document{path: file}
		d.prose, d.blocks = split(s.do(t, `zcat --force "$1"`, file))
		here[file] = d
	}
	require.Greater(t, len(here), 8)
	atGitHub := regexp.MustCompile(`^https://github\.com/ispmail/go-ispmail/(?:blob|raw)/[^/]+/(.*)`)
	local := map[string]bool{}
	for _, d := range here {
		for _, target := range d.links() {
			var where, anchor string
			var hasAnchor bool
			all := here
			if found := atGitHub.FindStringSubmatch(target); found != nil {
				all = there
				where, anchor, hasAnchor = document{}.follow(found[1])
				_, err := os.Stat(filepath.Join(top, where))
				assert.NoError(t, err, "%s: the link %s leads nowhere", d.path, target)
			} else if !strings.Contains(target, ":") {
				where, anchor, hasAnchor = d.follow(target)
				local[where] = true
			}
			if hasAnchor {
				assert.True(t, anchors(all[where])[anchor], "%s: the link %s leads to no heading", d.path, target)
			}
		}
	}
	require.Greater(t, len(local), 20)
	gone := s.do(t, `for file; do test -e "$file" || echo "$file"; done`, slices.Collect(maps.Keys(local))...)
	assert.Empty(t, gone, "links of the documents in the package lead there")
}

// TestLinks follows every link within the repository, with its anchor, and looks for every file that a document names.
func TestLinks(t *testing.T) {
	t.Parallel()
	all := map[string]document{}
	for _, d := range documents(t) {
		all[d.path] = d
	}
	followed, named := 0, 0
	for _, d := range all {
		for _, target := range d.links() {
			if strings.Contains(target, ":") {
				continue
			}
			followed++
			where, anchor, hasAnchor := d.follow(target)
			_, err := os.Stat(filepath.Join(top, where))
			if assert.NoError(t, err, "%s: the link %s leads nowhere", d.path, target) && hasAnchor {
				assert.True(t, anchors(all[where])[anchor], "%s: the link %s leads to no heading", d.path, target)
			}
		}
		if d.path == "CHANGELOG.md" { // what was moved has had its name
			continue
		}
		text := d.prose + "\n" + strings.Join(d.blocks, "\n")
		for _, name := range namedFile.FindAllStringSubmatch(strings.ReplaceAll(text, "github.com/ispmail/go-ispmail/", "./"), -1) {
			named++
			file, _, _ := strings.Cut(name[1], "@")
			_, err := os.Stat(filepath.Join(top, file))
			assert.NoError(t, err, "%s names the file %s", d.path, name[1])
		}
	}
	assert.Greater(t, followed, 50)
	assert.Greater(t, named, 20)
	t.Logf("%d links, %d names of files", followed, named)
}
