package main_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readmeOutline is what both READMEs have in common, whatever the language.
type readmeOutline struct {
	// Headings are the levels of the headings, Blocks the code blocks.
	Headings, Blocks []string
	// Comments are HTML comments: marks of tests.
	Comments []string
	// Links are the targets of links, but for the other README.
	Links []string
	// Rows is the number of lines that are rows of tables, Items of lists.
	Rows, Items int
}

var (
	readmeComment = regexp.MustCompile(`<!--.*?-->`)
	readmeLink    = regexp.MustCompile(`\]\(([^)]+)\)`)
)

// readOutline reads a page.
func readOutline(t *testing.T, name, other string) readmeOutline {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var o readmeOutline
	block := ""
	for line := range strings.Lines(string(text)) {
		fence := strings.HasPrefix(line, "```")
		switch {
		case block != "" || fence:
			if block += line; fence && block != line {
				o.Blocks = append(o.Blocks, block)
				block = ""
			}
			continue
		case strings.HasPrefix(line, "    "):
			o.Blocks = append(o.Blocks, line)
		case strings.HasPrefix(line, "#"):
			level, _, _ := strings.Cut(line, " ")
			o.Headings = append(o.Headings, level)
		case strings.HasPrefix(line, "|"):
			o.Rows++
		case strings.HasPrefix(line, "- "):
			o.Items++
		}
		o.Comments = append(o.Comments, readmeComment.FindAllString(line, -1)...)
		for _, found := range readmeLink.FindAllStringSubmatch(line, -1) {
			if found[1] != other {
				o.Links = append(o.Links, found[1])
			}
		}
	}
	if block != "" {
		t.Errorf("%s: a code block has no end:\n%s", name, block)
	}
	return o
}

// TestReadmesAgree holds README.zh-CN.md against README.md.
func TestReadmesAgree(t *testing.T) {
	const english, chinese = "README.md", "README.zh-CN.md"
	want, got := readOutline(t, english, chinese), readOutline(t, chinese, english)
	if len(want.Headings) < 5 || len(want.Blocks) < 4 || len(want.Links) < 5 {
		t.Fatalf("%s has only %+v", english, want)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outlines (-%s +%s):\n%s", english, chinese, diff)
	}
}

// TestReadmeLinks looks for what the READMEs link to.
func TestReadmeLinks(t *testing.T) {
	for _, target := range readOutline(t, "README.md", "").Links {
		if strings.Contains(target, "://") {
			continue
		}
		path, _, _ := strings.Cut(target, "#")
		if _, err := os.Stat(path); err != nil {
			t.Errorf("README.md links to %s: %v", target, err)
		}
	}
}
