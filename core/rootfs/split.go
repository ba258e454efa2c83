package rootfs

import (
	"cmp"
	"iter"
	"maps"
	"path"
	"slices"

	"github.com/mkmini/mkmini/core/config"
)

// layerNumbers counts the layers of entries from 1, in the order written.
func layerNumbers(entries []config.Entry) map[string]uint16 {
	numbers := make(map[string]uint16)
	for i := range entries {
		if name := entries[i].Layer; name != "" && numbers[name] == 0 {
			numbers[name] = uint16(len(numbers) + 1)
		}
	}
	return numbers
}

// Layers returns the names of the layers that entries make, the base first, by
// the number that records have.
func Layers(entries []config.Entry) []string {
	names := []string{config.BaseLayer}
	numbers := layerNumbers(entries)
	for i := range entries {
		if name := entries[i].Layer; int(numbers[name]) == len(names) {
			names = append(names, name)
		}
	}
	return names
}

// Split returns the numbers of the layers of a file system that hold
// something, each with its records; nothing if there is just one. The records
// are those of Assemble.
//
// A name is in the layer of what put it there last: nothing is in two layers,
// and none takes away what is in another one. Folders above what is in a layer
// are in it too, as they are in the whole, so that layers can be put on top of
// each other in any way. Of a file with several names, each layer with some of
// them holds the file and hard links to it: not all engines find the file of a
// hard link in another layer.
func Split(records iter.Seq[Record]) iter.Seq2[int, iter.Seq[Record]] {
	count := make(map[int]bool)
	for r := range records {
		count[r.Layer] = true
	}
	numbers := slices.Sorted(maps.Keys(count))
	if len(numbers) < 2 {
		numbers = nil
	}
	return func(yield func(int, iter.Seq[Record]) bool) {
		for _, n := range numbers {
			if !yield(n, one(records, n)) {
				return
			}
		}
	}
}

// one returns the records of one layer.
func one(records iter.Seq[Record], layer int) iter.Seq[Record] {
	above := make(map[string]bool)
	files := make(map[string]Record) // those that hard links of the layer name
	for r := range records {
		if r.Layer != layer {
			continue
		}
		for dir := path.Dir(r.Path); dir != "." && !above[dir]; dir = path.Dir(dir) {
			above[dir] = true
		}
		if r.Type == Hardlink {
			files[r.Target] = Record{}
		}
	}
	for r := range records {
		if _, named := files[r.Path]; named {
			files[r.Path] = r
		}
	}
	return func(yield func(Record) bool) {
		first := make(map[string]string) // names of files of other layers, by those there
		for r := range records {
			if r.Layer != layer && !(r.Type == Directory && above[r.Path]) {
				continue
			}
			if r.Type == Hardlink {
				file := files[r.Target]
				switch name, ok := first[r.Target]; {
				case file.Layer == layer:
				case ok:
					r.Target = name
				default:
					first[r.Target] = r.Path
					r.Type, r.Target, r.Content, r.Xattrs = File, "", file.Content, file.Xattrs
				}
			}
			if !yield(r) {
				return
			}
		}
	}
}

// Copy is a hard link to a file of another layer, whose layer holds a copy.
type Copy struct {
	// Path and Target are as in Record, with their layers, and Size the file's
	// length in bytes.
	Path, Target       string
	Layer, TargetLayer int
	Size               int64
}

// Copies returns one hard link for each layer that holds a file for the sake of
// hard links alone.
func Copies(records iter.Seq[Record]) []Copy {
	type place struct {
		target string
		layer  int
	}
	links := make(map[place]string)
	for r := range records {
		if at := (place{r.Target, r.Layer}); r.Type == Hardlink && links[at] == "" {
			links[at] = r.Path
		}
	}
	if len(links) == 0 {
		return nil
	}
	files := make(map[string]Record)
	for at := range links {
		files[at.target] = Record{}
	}
	for r := range records {
		if _, named := files[r.Path]; named {
			files[r.Path] = r
		}
	}
	var list []Copy
	for at, name := range links {
		if file := files[at.target]; file.Layer != at.layer {
			list = append(list, Copy{name, at.target, at.layer, file.Layer, file.Content.Size})
		}
	}
	slices.SortFunc(list, func(a, b Copy) int { return cmp.Compare(a.Path, b.Path) })
	return list
}
