package main_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mkmini/mkmini/core/testenv"
)

// TestHostCommands puts Debian's own bash and coreutils into images, by
// commands and by packages, and runs them in docker.
func TestHostCommands(t *testing.T) {
	t.Parallel()
	compilerFor(t, "x86_64")
	engine := testenv.Docker(t)
	dir := t.TempDir()
	for name, block := range map[string]string{
		"commands": `commands = ["bash", "sort", "sha256sum", "ls", "id", "env"]`,
		"packages": `packages = ["bash", "coreutils", "libc-bin"]`,
	} {
		t.Run(name, func(t *testing.T) {
			config := inFolder(t, dir, name+".hcl", `name = "`+name+`"
toolchain "x86_64" {
  from "host" {}
}
rootfs {
  host {
    `+block+`
    exclude = ["/usr/share/{doc,info,locale,man}"]
  }
  user "web" { shell = "/bin/bash" }
}
export "docker" {
  tag  = "`+name+`:1"
  user = "web"
}
`)
			command{args: []string{"-c", config, "--out", dir}}.events(t)
			engine.Run(t, "load", "--input", filepath.Join(dir, name+"-x86_64.docker.tar"))
			const script = `echo $BASH_VERSION; printf 'b\na\n' | sort | sha256sum; ls --version | head -n 1; ls -ld /bin /usr/bin/env | cut -d' ' -f1,3,4
				printf 'é' | { LC_ALL=C.UTF-8; read -r x; echo ${#x}; }; printf '#!/bin/bash\necho $0' > /tmp/host-test; /usr/bin/env bash /tmp/host-test`
			want := testenv.Output(t, "bash", "-c", script)
			run := func(script string) string {
				return engine.Run(t, "run", "--rm", "--network", "none", name+":1", "/bin/bash", "-c", script)
			}
			if diff := cmp.Diff(want, run(script)); diff != "" {
				t.Errorf("in docker (-here +there):\n%s", diff)
			}
			// Debian's id asks glibc, glibc asks the modules of NSS; vi is busybox's.
			if got := run("id -un; readlink /bin/vi"); !strings.HasPrefix(got, "web\n") || !strings.HasSuffix(got, "busybox\n") {
				t.Errorf("the user, and busybox beside: %q", got)
			}
		})
	}
}
