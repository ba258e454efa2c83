package pluginhost

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// checkFile refuses an executable that another user could replace, and one
// that can't be run.
func (f *Found) checkFile() error {
	info, err := os.Stat(f.Path)
	if err != nil {
		return f.fail("can't be read", sentence(err), "Correct the permissions, or remove it.", err)
	}
	if !info.Mode().IsRegular() {
		return f.fail("is no file", f.Path+" is a folder or a special file.", "Remove it, or give the plugin another name.", nil)
	}
	if info.Mode()&0o111 == 0 {
		return f.fail("is not executable", f.Path+" has no permission to be executed.", "Run chmod +x "+f.Path+".", nil)
	}
	real, err := filepath.EvalSymlinks(f.Path)
	if err != nil {
		return f.fail("can't be read", sentence(err), "Correct the link, or remove it.", err)
	}
	if err := f.checkTrust(real, 0); err != nil {
		return err
	}
	if err := f.checkFolder(filepath.Dir(f.Path)); err != nil {
		return err
	}
	return f.checkFolder(filepath.Dir(real))
}

// checkFolder refuses a folder that others can put a plugin into. Who can
// rename a folder further up can replace all that is in it. Of a sticky one,
// such as /tmp, only the owner of what is in it can.
func (f *Found) checkFolder(dir string) error {
	if err := f.checkTrust(dir, 0); err != nil {
		return err
	}
	for _, up := range parents(dir) {
		if err := f.checkTrust(up, fs.ModeSticky); err != nil {
			return err
		}
	}
	return nil
}

// parents returns the folders above a folder, the nearest first.
func parents(dir string) []string {
	var all []string
	for up := filepath.Dir(dir); up != dir; dir, up = up, filepath.Dir(up) {
		all = append(all, up)
	}
	return all
}

// checkTrust refuses a file or folder that others than the user and root can
// write to, unless it has the mode that excuses that. A plugin's digest is
// checked before it is started, but these are two steps.
func (f *Found) checkTrust(path string, excuse fs.FileMode) error {
	info, err := os.Stat(path)
	if err != nil {
		return f.fail("can't be read", sentence(err), "Correct the permissions, or remove it.", err)
	}
	const (
		summary = "could be replaced by another user"
		note    = "mkmini runs plugins only from where nobody but you and root can write."
	)
	if info.Mode()&0o022 != 0 && info.Mode()&excuse == 0 {
		return f.fail(summary, fmt.Sprintf("%s has mode %04o; %s", path, mode(info), note), "Run chmod go-w "+path+".", nil)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return f.fail(summary, fmt.Sprintf("%s belongs to user %d; %s", path, stat.Uid, note),
			"Copy the plugin to a folder of your own, or give it to root.", nil)
	}
	return nil
}

// mode returns a mode as chmod takes it.
func mode(info fs.FileInfo) uint32 {
	m := uint32(info.Mode().Perm())
	if info.Mode()&fs.ModeSticky != 0 {
		m |= 0o1000
	}
	return m
}

// explainExec says why the kernel would not execute a file.
func explainExec(path string, err error) (detail, remedy string) {
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		if file, elfErr := elf.Open(path); elfErr == nil {
			defer file.Close()
			return fmt.Sprintf("%s is made for %s, and this machine is %s.", path, machine(file.Machine), runtime.GOARCH),
				"Install the plugin for " + runtime.GOARCH + ", or the emulator (Debian package qemu-user-static)."
		}
		return path + " is neither an executable nor a script that starts with #!.", "Install the plugin again."
	case errors.Is(err, fs.ErrNotExist):
		if name := interpreter(path); name != "" && isMissing(name) {
			return path + " needs " + name + ", which is not there.", "Install " + name + ", or a static build of the plugin."
		}
	case errors.Is(err, fs.ErrPermission):
		return path + " may not be executed: by its permissions, or because its file system is mounted noexec.",
			"Correct the permissions, or copy the plugin to another file system."
	case errors.Is(err, syscall.ETXTBSY):
		return path + " is being written to.", "Try again when its installation is done."
	}
	return sentence(err), "Install the plugin again."
}

func isMissing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// machine returns an architecture's name in lower case: "aarch64".
func machine(m elf.Machine) string {
	return strings.ToLower(strings.TrimPrefix(m.String(), "EM_"))
}

// interpreter returns what a script or a dynamic executable is run by.
func interpreter(path string) string {
	file, err := elf.Open(path)
	if err != nil {
		return scriptInterpreter(path)
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type != elf.PT_INTERP || segment.Filesz > 4096 {
			continue
		}
		b := make([]byte, segment.Filesz)
		if _, err := segment.ReadAt(b, 0); err == nil {
			return strings.TrimRight(string(b), "\x00")
		}
	}
	return ""
}

func scriptInterpreter(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	b := make([]byte, 256)
	n, _ := file.Read(b)
	line, _, _ := strings.Cut(string(b[:n]), "\n")
	command, ok := strings.CutPrefix(line, "#!")
	fields := strings.Fields(command)
	if !ok || len(fields) == 0 {
		return ""
	}
	return fields[0]
}
