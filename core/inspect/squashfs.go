package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// squashfs adds the entries of a squashfs file system, which a tool turns into
// a tar archive.
func (s *scanner) squashfs(v volume, t *tree) error {
	path, err := exec.LookPath("sqfs2tar")
	if err != nil {
		return errors.New("it is a squashfs file system, and sqfs2tar, which reads it, is not in PATH: install the Debian package squashfs-tools-ng")
	}
	file, ok := v.ReaderAt.(*os.File)
	if !ok {
		// It lies within something else.
		if file, err = temporary(); err != nil {
			return err
		}
		defer file.Close()
		if _, err := io.Copy(file, &stoppable{io.NewSectionReader(v, 0, v.size), s.done}); err != nil {
			return err
		}
	}
	cmd := exec.Command(path, "--no-skip", "--root-becomes", ".", "/proc/self/fd/3")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.ExtraFiles = []*os.File{file}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = s.tar(&capped{&stoppable{out, s.done}, s}, t, false)
	if err != nil {
		_ = cmd.Process.Kill()
	}
	if end := cmd.Wait(); said.Len() > 0 || err == nil && end != nil {
		return fmt.Errorf("sqfs2tar can't read it: %s", strings.Join(strings.Fields(said.String()), " "))
	}
	return err
}
