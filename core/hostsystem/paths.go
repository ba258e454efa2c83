package hostsystem

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/sys/unix"

	"github.com/mkmini/mkmini/core/symlink"
)

// volatile are folders whose content is of a running system's moment, and not
// of the system.
var volatile = []string{"proc", "sys", "dev", "run", "tmp"}

// pseudo are the types of file systems that are no files on a disk. Source:
// statfs(2), linux/magic.h.
var pseudo = []int64{
	unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.TMPFS_MAGIC, unix.DEVPTS_SUPER_MAGIC, unix.CGROUP_SUPER_MAGIC,
	unix.CGROUP2_SUPER_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC, unix.BPF_FS_MAGIC,
	unix.PSTOREFS_MAGIC, unix.EFIVARFS_MAGIC, unix.BINFMTFS_MAGIC, unix.NSFS_MAGIC, unix.AUTOFS_SUPER_MAGIC,
	mqueueMagic, configfsMagic, hugetlbfsMagic,
}

// Types that the package unix doesn't have.
const (
	mqueueMagic    = 0x19800202
	configfsMagic  = 0x62656570
	hugetlbfsMagic = 0x958458f6
)

// addAll takes the whole root.
func (s *selection) addAll(ctx context.Context) error {
	if !s.host.All {
		return nil
	}
	return s.walk(ctx, "", nil)
}

// addPaths takes what the paths of the block name.
func (s *selection) addPaths(ctx context.Context) error {
	for i, pattern := range s.host.Paths {
		found, err := s.addPattern(ctx, pattern)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		key := "paths." + strconv.Itoa(i)
		if err != nil && !missing(err) {
			return s.problem(key, "Path can't be read", sentence(plain(err).Error()),
				"Run mkmini as a user who may read it, or leave it out.", err)
		}
		if !found {
			return s.problem(key, "Path not found", fmt.Sprintf("Nothing in %s fits %s.", s.dir, pattern),
				"Correct the path; \"*\" stands for anything but \"/\", \"**\" for folders as well.", fs.ErrNotExist)
		}
	}
	return nil
}

// addPattern takes what a pattern names, and all that is below. A path without
// wildcards may lead through symlinks.
func (s *selection) addPattern(ctx context.Context, pattern string) (found bool, err error) {
	base, rest := strings.TrimPrefix(pattern, "/"), ""
	if strings.ContainsAny(base, `*?[{\`) {
		base, rest = doublestar.SplitPattern(base)
		if base == "." {
			base = ""
		}
	}
	if rest == "" {
		at, taken, err := s.take(base)
		if err != nil {
			return false, err
		}
		if k := s.look(at); taken && k.err == nil && k.info.IsDir() {
			return true, s.walk(ctx, at, nil)
		}
		return true, nil
	}
	at, err := s.resolve(base, true, nil)
	if err != nil {
		return false, err
	}
	depth := strings.Count(rest, "/")
	err = s.walk(ctx, at, func(rel string, dir bool) verdict {
		if doublestar.MatchUnvalidated(rest, rel) {
			if !found {
				if _, _, err := s.take(base); err != nil {
					return pass
				}
			}
			found = true
			return keep
		}
		if dir && !strings.Contains(rest, "**") && strings.Count(rel, "/") >= depth {
			return prune
		}
		return pass
	})
	return found, err
}

// verdict is what to do with a name during a walk.
type verdict int

const (
	// keep takes it, and all that is below.
	keep verdict = iota
	// pass looks at what is below.
	pass
	// prune doesn't.
	prune
)

// walk goes through a folder in order and takes all in it, or what judge, if
// there is one, says; judge gets paths relative to the folder. Symlinks are
// taken with the files, but not the folders, that they lead to.
func (s *selection) walk(ctx context.Context, folder string, judge func(rel string, dir bool) verdict) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(s.disk(folder))
	switch {
	case missing(err):
		return nil
	case os.IsPermission(err):
		s.unreadable = append(s.unreadable, absolute(folder))
		return nil
	case err != nil:
		return plain(err)
	}
	for _, e := range entries {
		name := path.Join(folder, e.Name())
		if s.excluded(name) {
			continue
		}
		k := s.look(name)
		if k.err != nil {
			continue // it is gone by now
		}
		below := judge
		if judge != nil {
			switch judge(e.Name(), k.info.IsDir()) {
			case keep:
				below = nil
				if _, _, err := s.take(symlink.Parent(name)); err != nil {
					return err
				}
			case prune:
				continue
			case pass:
				if k.info.IsDir() && !s.skipped(folder, name, k.info) {
					if err := s.walk(ctx, name, within(judge, e.Name())); err != nil {
						return err
					}
				}
				continue
			}
		}
		s.add(name)
		switch {
		case k.info.Mode()&fs.ModeSymlink != 0:
			s.takeTarget(name)
		case k.info.IsDir() && !s.skipped(folder, name, k.info):
			if err := s.walk(ctx, name, below); err != nil {
				return err
			}
		}
	}
	return nil
}

// within makes a judge of a folder one of a folder below it.
func within(judge func(string, bool) verdict, name string) func(string, bool) verdict {
	return func(rel string, dir bool) verdict { return judge(name+"/"+rel, dir) }
}

// takeTarget takes the file that a symlink leads to; one that leads nowhere,
// or to a folder, is taken as it is.
func (s *selection) takeTarget(name string) {
	at, err := s.resolve(name, true, nil)
	if err != nil {
		return
	}
	if k := s.look(at); k.err != nil || !k.info.Mode().IsRegular() {
		return
	}
	_, _, _ = s.take(name) // it was resolved just now
}

// skipped says whether a folder's content is left out: what isn't on a disk,
// what changes from moment to moment in a running system, and what mkmini
// itself writes. What the block names explicitly isn't looked at here.
func (s *selection) skipped(above, name string, info fs.FileInfo) bool {
	disk := s.disk(name)
	if s.dir == "/" && slices.Contains(volatile, name) || slices.Contains(s.host.Skip, disk) {
		return true
	}
	outer := s.look(above)
	if above == "" {
		outer.info, outer.err = os.Lstat(s.dir)
	}
	if outer.err != nil || device(outer.info) == device(info) {
		return false
	}
	var stat unix.Statfs_t
	return unix.Statfs(disk, &stat) == nil && slices.Contains(pseudo, int64(stat.Type))
}

// device is the number of the file system that a file is on.
func device(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Dev)
	}
	return 0
}
