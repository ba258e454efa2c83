package plugincheck

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// listing returns of everything below a folder what it is: type, mode, and
// the link or the digest of the content, by its name.
func listing(dir string) (map[string]string, error) {
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		what := info.Mode().String()
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			what += " -> " + target
		case info.Mode().IsRegular():
			sum, err := digest(path)
			if err != nil {
				return err
			}
			what += " " + sum
		}
		all[name] = what
		return nil
	})
	return all, err
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", hash.Sum(nil)), nil
}

// difference says in words how two listings differ, and returns "" if they
// don't.
func difference(before, now map[string]string) string {
	for _, name := range sortedKeys(before) {
		switch what, ok := now[name]; {
		case !ok:
			return name + " is gone"
		case what == before[name]:
		case len(what) > 10 && len(before[name]) > 10 && what[:10] == before[name][:10]:
			return name + " has another content"
		default:
			return fmt.Sprintf("%s is %.10s, and was %.10s", name, what, before[name])
		}
	}
	for _, name := range sortedKeys(now) {
		if _, ok := before[name]; !ok {
			return name + " is new"
		}
	}
	return ""
}
