package gcc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mkmini/mkmini/plugins/sdk"
	"github.com/mkmini/mkmini/toolchains/gcc/kconfig"
)

// answers are what oldconfig gets when it asks: the default, many times.
var answers = strings.Repeat("\n", 1<<14)

// configure makes the .config of a request with busybox's own tool, and
// checks that nothing that was asked for got lost.
func (b *build) configure(ctx context.Context) error {
	for name, content := range map[string]string{
		".config":         b.request.values.String(),
		"mkmini.mk":       string(hooks),
		"mkmini-count.mk": string(counter),
		"mkmini-answers":  answers,
	} {
		if err := os.WriteFile(filepath.Join(b.obj, name), []byte(content), 0o644); err != nil {
			return sdk.Diagnostics{diskProblem(err)}
		}
	}
	var output []string
	err := b.make(ctx, func(line string) { output = append(output, line) },
		fmt.Sprintf("-j%d", b.req.Jobs), "mkminiconfig")
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return sdk.Diagnostics{{
			Summary: "Busybox can't be configured",
			Detail:  fmt.Sprintf("Busybox's own configuration tool failed: %v.", err),
			Remedy:  "Read the log; the compiler of this machine and `config` are the likely causes.",
			Excerpt: tail(output, 10),
			Log:     b.log.name,
		}}
	}
	data, err := os.ReadFile(filepath.Join(b.obj, ".config"))
	if err != nil {
		return fmt.Errorf("read final configuration: %w", err)
	}
	b.final = kconfig.ParseValues(string(data))
	if err := errors.Join(b.dropFixdep(), b.setTimestamp()); err != nil {
		return sdk.Diagnostics{diskProblem(err)}
	}
	if problems := b.request.verify(b.final); len(problems) > 0 {
		return problems
	}
	return nil
}

// setTimestamp puts the build's epoch into the text that busybox introduces
// itself with. The configuration tool would take a time too, but not that one
// in all versions, and then write another into .config; told to write none, it
// leaves empty brackets.
func (b *build) setTimestamp() error {
	name := filepath.Join(b.obj, "include", "autoconf.h")
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(name, withTimestamp(data, b.req.Epoch), 0o644)
}

// withTimestamp fills in the time of a generated header, if it has a place
// for one.
func withTimestamp(header []byte, epoch time.Time) []byte {
	define := fmt.Sprintf("#define AUTOCONF_TIMESTAMP %q", epoch.UTC().Format("2006-01-02 15:04:05 UTC"))
	return bytes.Replace(header, []byte(`#define AUTOCONF_TIMESTAMP ""`), []byte(define), 1)
}

// noFixdep writes the command of a compile, as fixdep does first.
const noFixdep = `#!/bin/sh
printf 'cmd_%s := %s\n' "$2" "$3"
`

// dropFixdep replaces fixdep, which kbuild runs after each compile to note the
// command, and which headers and symbols the file depends on. The sources
// don't change here, so the latter is of no use, and it costs a tenth of the
// time.
func (b *build) dropFixdep() error {
	if b.plainKbuild {
		return nil
	}
	name := filepath.Join(b.obj, "scripts", "basic", "fixdep")
	if err := os.WriteFile(name, []byte(noFixdep), 0o755); err != nil {
		return err
	}
	return os.Chmod(name, 0o755)
}

func tail(lines []string, most int) []string {
	if len(lines) > most {
		return lines[len(lines)-most:]
	}
	return lines
}
