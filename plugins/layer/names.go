package layer

import (
	"errors"
	"fmt"
	"hash/maphash"
	"path"
)

// names remembers which entries were seen. It keeps 128 bits of hashes with
// seeds that nobody knows in place of each name, as a million names are more
// than all else in memory; that two are the same doesn't happen.
type names struct {
	seeds [2]maphash.Seed
	kinds map[[2]uint64]kind
}

// kind is all that counts of a type.
type kind byte

const (
	absent kind = iota
	folder
	file
	other
)

func newNames() names {
	return names{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, kinds: make(map[[2]uint64]kind)}
}

func (n names) key(name string) [2]uint64 {
	return [2]uint64{maphash.String(n.seeds[0], name), maphash.String(n.seeds[1], name)}
}

func (n names) get(name string) kind { return n.kinds[n.key(name)] }

// add remembers an entry.
func (n names) add(e Entry) {
	k := other
	switch e.Type {
	case Directory:
		k = folder
	case File:
		k = file
	}
	n.kinds[n.key(e.Name)] = k
}

// check refuses an entry whose place makes no sense after those seen: below
// something that is no folder, a second one of its name, or a link to what
// isn't there.
func (n names) check(e Entry) error {
	if n.get(e.Name) != absent {
		return errors.New("the name is there already")
	}
	if parent := path.Dir(e.Name); parent != "." && n.get(parent) != folder {
		return fmt.Errorf("%q is no folder before it", parent)
	}
	if e.Type == Hardlink && n.get(e.Target) != file {
		return fmt.Errorf("it links to %q, which is no file before it", e.Target)
	}
	return nil
}
