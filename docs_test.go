package main_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mkmini/mkmini/core/testenv"
)

// blocks returns the fenced blocks of a language in a Markdown file.
func blocks(t *testing.T, name, language string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, part := range strings.Split("\n"+string(text), "\n```"+language+"\n")[1:] {
		block, _, closed := strings.Cut(part, "\n```")
		if !closed {
			t.Fatalf("%s: a block doesn't end", name)
		}
		all = append(all, block+"\n")
	}
	return all
}

// commands returns the commands of a ```console block: the lines that begin
// with "$ ", with those that continue them.
func commands(block string) string {
	var script strings.Builder
	continued := false
	for line := range strings.Lines(block) {
		if command, ok := strings.CutPrefix(line, "$ "); ok || continued {
			script.WriteString(command)
			continued = strings.HasSuffix(line, "\\\n")
		}
	}
	return script.String()
}

// TestReadme runs the commands of all ```console blocks of README.md, one
// after another, in a copy of the sources and with an empty home folder.
// Other commands stand in blocks of another kind.
func TestReadme(t *testing.T) {
	t.Parallel()
	testenv.Tool(t, "make", "make")
	testenv.Tool(t, "gcc", "gcc")
	var script strings.Builder
	for _, block := range blocks(t, "README.md", "console") {
		script.WriteString(commands(block))
	}
	// This is one of the tests that it runs.
	text := strings.ReplaceAll(script.String(), "make test\n", "")
	if !strings.Contains(text, "make demo\n") {
		t.Fatalf("README.md doesn't begin with make demo:\n%s", text)
	}
	dir := filepath.Join(t.TempDir(), "mkmini")
	copySources(t, dir)
	env := append(os.Environ(), "HOME="+t.TempDir(), "XDG_CACHE_HOME=",
		"GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOCACHE="+goEnv(t, "GOCACHE"), "PATH="+os.Getenv("PATH")+":"+filepath.Join(dir, "bin"))
	if strings.Contains(text, "docker ") {
		env = append(env, "DOCKER_HOST="+testenv.Docker(t).Host)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-xeuo", "pipefail", "-c", text)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s%v\n%s", text, err, tail(string(out)))
	}
	// What the shell in the booted system says.
	for _, want := range []string{"-- uname -a\nLinux", "-- ls /\nbin ", "-- busybox\nBusyBox v"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("make demo doesn't show %q:\n%s", want, tail(string(out)))
		}
	}
}

// TestDocumentedConfigurations validates the configurations in documents:
// the ```hcl blocks with a toolchain and an export.
func TestDocumentedConfigurations(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob("README*.md")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir("docs", func(path string, d fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			documents = append(documents, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	complete := regexp.MustCompile(`(?ms)^toolchain ".*^export "`)
	validated := 0
	for _, document := range documents {
		for _, block := range blocks(t, document, "hcl") {
			if !complete.MatchString(block) {
				continue
			}
			validated++
			if r := validate(t, block); r.code != 0 {
				t.Errorf("%s: exit code %d\n%s%s", document, r.code, block, r.stderr)
			}
		}
	}
	if validated == 0 {
		t.Error("no document has a configuration")
	}
}

// unreadable is how mkmini says that a file or folder isn't there.
var unreadable = regexp.MustCompile(`(The folder )?"([^"\n]+)"\s+can't\s+be\s+read|(Neither\s+a\s+folder)\s+nor\s+an\s+archive\s+is\s+at\s+"([^"\n]+)"`)

// validate validates a configuration. The files that it names are made, as it
// asks for them.
func validate(t *testing.T, config string) result {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.hcl"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	for {
		r := command{args: []string{"validate", "-c", "x.hcl"}, dir: dir}.run(t)
		missing := unreadable.FindStringSubmatch(r.stderr)
		if r.code == 0 || missing == nil {
			return r
		}
		folder, name := missing[1]+missing[3] != "", missing[2]+missing[4]
		if filepath.IsAbs(name) {
			return r
		}
		path := filepath.Join(dir, name)
		if folder {
			path = filepath.Join(path, "file")
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		// Once only: what is there and still can't be read is an error.
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return r
		}
		f.Close()
	}
}

// copySources copies what git knows, with what isn't committed yet.
func copySources(t *testing.T, dir string) {
	t.Helper()
	testenv.Tool(t, "git", "git")
	list := testenv.Output(t, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "tar", "--null", "--ignore-failed-read", "-T", "-", "-cf", "-")
	cmd.Stdin = strings.NewReader(list)
	archive, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	cmd = exec.CommandContext(t.Context(), "tar", "-xf", "-", "-C", dir)
	cmd.Stdin = bytes.NewReader(archive)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(testenv.Output(t, "go", "env", name))
}
