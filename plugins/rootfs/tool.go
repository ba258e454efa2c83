package rootfs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// tool returns the path of a tool.
func tool(name, debianPackage string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", problem("format", "Tool missing", fmt.Sprintf("There is no %s in PATH.", name),
			fmt.Sprintf("Install the Debian package %s (`apt install %s`), or choose another format.", debianPackage, debianPackage))
	}
	return path, nil
}

// toolEnvironment is all that tools see of the environment.
func toolEnvironment(more ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}, more...)
}

// runTool runs a tool. What it says about the disk is an error of the disk.
func runTool(ctx context.Context, cmd *exec.Cmd) error {
	var said bytes.Buffer
	cmd.Stderr = &said
	if cmd.Stdout == nil {
		cmd.Stdout = &said
	}
	err := sdk.Run(cmd)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if cmd.Process == nil && cmd.SysProcAttr.Cloneflags != 0 {
		return explainNamespace(cmd.Path, err)
	}
	text := strings.Join(strings.FieldsFunc(said.String(), func(r rune) bool { return r == '\n' }), "; ")
	// Tools tell only by strerror's text what the kernel told them.
	for _, number := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EROFS} {
		if strings.Contains(strings.ToLower(text), number.Error()) {
			err = number
		}
	}
	return fmt.Errorf("%s: %w: %s", cmd.Path, err, text)
}
