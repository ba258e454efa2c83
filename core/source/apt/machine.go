package apt

import (
	"context"
	"fmt"
	"strings"
)

// machine is what a private configuration takes over from the machine's.
type machine struct {
	// acquire are lines of apt.conf: proxies, time-outs, certificates.
	acquire []string
	// dirs are absolute paths by apt's names for them: keys and logins.
	dirs map[string]string
	// arch is Debian's name of the machine's architecture: "amd64".
	arch string
}

// machineDirs are the places of keys, logins and download methods.
var machineDirs = []string{
	"Dir::Etc::trusted/f", "Dir::Etc::trustedparts/d",
	"Dir::Etc::netrc/f", "Dir::Etc::netrcparts/d",
	"Dir::Bin::methods/d",
}

// dropped are settings that the private configuration has its own of, or
// that would download more.
var dropped = []string{"Acquire::IndexTargets", "Acquire::Languages", "Acquire::GzipIndexes", "Acquire::Changelogs"}

// readMachine asks apt for its configuration.
func readMachine(ctx context.Context, env []string) (machine, error) {
	dump, err := output(ctx, env, "apt-config", "dump")
	if err != nil {
		return machine{}, err
	}
	args := []string{"shell"}
	for i, d := range machineDirs {
		args = append(args, fmt.Sprintf("D%d", i), d)
	}
	shell, err := output(ctx, env, "apt-config", args...)
	if err != nil {
		return machine{}, err
	}
	return machine{acquireLines(dump), parseDirs(shell), setting(dump, "APT::Architecture")}, nil
}

// acquireLines picks the settings on how to download from a dump, of which
// every line is `Name "value";`.
func acquireLines(dump string) []string {
	var keep []string
	for line := range strings.SplitSeq(dump, "\n") {
		name, value, ok := strings.Cut(line, ` "`)
		value, end := strings.CutSuffix(value, `";`)
		if !ok || !end || value == "" || strings.Contains(value, `"`) || !strings.HasPrefix(name, "Acquire::") {
			continue
		}
		if !hasAnyPrefix(name, dropped) {
			keep = append(keep, line)
		}
	}
	return keep
}

// setting returns the value of a setting in a dump, or "".
func setting(dump, name string) string {
	for line := range strings.SplitSeq(dump, "\n") {
		if value, ok := strings.CutPrefix(line, name+` "`); ok {
			return strings.TrimSuffix(value, `";`)
		}
	}
	return ""
}

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// parseDirs reads the answer of apt-config shell, lines such as
// D0='/etc/apt/trusted.gpg'.
func parseDirs(text string) map[string]string {
	dirs := map[string]string{}
	for line := range strings.SplitSeq(text, "\n") {
		name, value, ok := strings.Cut(line, "=")
		value = strings.Trim(value, "'")
		if !ok || strings.ContainsAny(value, `'"`) {
			continue
		}
		for i, d := range machineDirs {
			if name == fmt.Sprintf("D%d", i) {
				dirs[d[:strings.LastIndexByte(d, '/')]] = value
			}
		}
	}
	return dirs
}

// quote returns a line of apt.conf.
func quote(name, value string) string {
	return fmt.Sprintf("%s \"%s\";\n", name, value)
}
