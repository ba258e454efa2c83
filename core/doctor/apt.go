package doctor

import (
	"context"
	"os"
	"strings"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// aptHelper is apt's own download tool.
const aptHelper = "/usr/lib/apt/apt-helper"

// apt says whether compilers and sources can come as Debian packages.
func (m Machine) apt(ctx context.Context) []sdk.Fact {
	const name = "apt"
	const without = "Without apt, have the compilers on PATH or name their place in a `from` block, and give busybox's source with `file` or `urls`."
	apt := look("apt-get")
	if apt == "" {
		return warn(name, "there is no apt-get", without)
	}
	if _, err := os.Stat(aptHelper); err != nil {
		return warn(name, "there is no "+aptHelper, "Install the whole of apt. "+without)
	}
	version, err := output(ctx, apt, "--version")
	if err != nil {
		return warn(name, "apt-get does not run: "+err.Error(), without)
	}
	line, _, _ := strings.Cut(version, "\n")
	return ok(name, strings.TrimSpace(line))
}

// Offered says which packages the machine's own apt could install. It is nil
// if apt is not there or knows no packages at all, and then nothing is known.
func Offered(ctx context.Context, packages []string) map[string]bool {
	apt := look("apt-cache")
	if apt == "" || len(packages) == 0 {
		return nil
	}
	out, err := output(ctx, apt, append([]string{"policy", "--"}, append(packages, "libc6")...)...)
	if err != nil {
		return nil
	}
	offered := candidates(out)
	if len(offered) == 0 {
		return nil
	}
	return offered
}

// candidates reads what `apt-cache policy` prints: a package's name and a
// colon, and below it, indented, "Candidate:" and a version or "(none)".
func candidates(text string) map[string]bool {
	offered := map[string]bool{}
	name := ""
	for line := range strings.Lines(text) {
		word, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case !strings.HasPrefix(line, " "):
			name = strings.TrimSuffix(word, ":")
		case word == "Candidate:" && version != "(none)":
			offered[name] = true
		}
	}
	return offered
}
