package plugincheck

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mkmini/mkmini/core/pluginhost"
)

// copyProgram copies an executable. Nothing is started meanwhile: a child
// that has our files open would make the copy busy.
func copyProgram(from, to string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file", from)
	}
	mode := os.FileMode(0o600)
	if info.Mode()&0o111 != 0 {
		mode = 0o700
	}
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close(), os.Chmod(to, mode))
}

// strictSuffix is the end of the folder of the plugin with a strict umask.
const strictSuffix = "-strict"

// install puts the copy under the name that hosts look for, and a script
// that sets another umask in a folder beside.
func (s *subject) install() error {
	name := pluginhost.Prefix + s.manifest.Name
	bin := filepath.Join(s.dir, "bin")
	strict := bin + strictSuffix
	if err := os.Mkdir(strict, 0o700); err != nil {
		return err
	}
	if err := os.Rename(s.exe, filepath.Join(bin, name)); err != nil {
		return err
	}
	s.exe = filepath.Join(bin, name)
	script := filepath.Join(s.dir, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\numask "+otherUmask()+"\nexec "+s.exe+" \"$@\"\n"), 0o700); err != nil {
		return err
	}
	defer os.Remove(script)
	return copyProgram(script, filepath.Join(strict, name))
}

// otherUmask returns a strict umask, or the usual one where ours is strict.
// Source: proc_pid_status(5).
func otherUmask() string {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "Umask:"); ok && strings.HasSuffix(strings.TrimSpace(value), "77") {
			return "022"
		}
	}
	return "077"
}

// newHost returns a host that sees nothing but the plugin, with our umask or
// another. Nothing confines it.
func (s *subject) newHost(strict bool) *pluginhost.Host {
	dir := filepath.Dir(s.exe)
	if strict {
		dir += strictSuffix
	}
	return pluginhost.New(pluginhost.Options{
		Dirs: []string{dir}, Logger: s.logger, StartTimeout: s.opts.StartTimeout, Env: s.environment(),
	})
}

// confinedHost returns a host as builds have it. A process can then write to
// the folders of its call and to one for temporary files, which is another for
// each.
func (s *subject) confinedHost() (*pluginhost.Host, error) {
	if !s.opts.Sandbox.Files() {
		return nil, skip("files can't be confined on this machine: its kernel has no Landlock, and no bwrap is installed")
	}
	return pluginhost.New(pluginhost.Options{
		Dirs: []string{filepath.Dir(s.exe)}, Logger: s.logger, StartTimeout: s.opts.StartTimeout,
		Env: append([]string{"HOME=" + s.home, markName + "=" + s.mark}, s.opts.Env...), Sandbox: s.opts.Sandbox,
	}), nil
}
