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
