package rootfs

import (
	"cmp"
	"iter"
	"path"
	"slices"

	"github.com/mkmini/mkmini/core/config"
)

// layerNumbers counts the layers of entries from 1, in the order written.
func layerNumbers(entries []config.Entry) map[string]int {
	numbers := make(map[string]int)
	for i := range entries {
		if name := entries[i].Layer; name != "" && numbers[name] == 0 {
			numbers[name] = len(numbers) + 1
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
		if name := entries[i].Layer; numbers[name] == len(names) {
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
func Split(records []Record) iter.Seq2[int, []Record] {
	count := make(map[int]int)
	for i := range records {
		count[records[i].Layer]++
	}
	numbers := make([]int, 0, len(count))
	for n := range count {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	if len(numbers) < 2 {
		numbers = nil
	}
	return func(yield func(int, []Record) bool) {
		for _, n := range numbers {
			if !yield(n, one(records, n, count[n])) {
				return
			}
		}
	}
}

// one returns the records of one layer, of which it has size of its own.
func one(records []Record, layer, size int) []Record {
	above := make(map[string]bool)
	for i := range records {
		if records[i].Layer != layer {
			continue
		}
		for dir := path.Dir(records[i].Path); dir != "." && !above[dir]; dir = path.Dir(dir) {
			above[dir] = true
		}
	}
	list := make([]Record, 0, size+len(above))
	first := make(map[string]string) // names of files of other layers, by those there
	for i := range records {
		r := records[i]
		if r.Layer != layer && !(r.Type == Directory && above[r.Path]) {
			continue
		}
		if r.Type == Hardlink {
			file := recordAt(records, r.Target)
			switch name, ok := first[r.Target]; {
			case file.Layer == layer:
			case ok:
				r.Target = name
			default:
				first[r.Target] = r.Path
				r.Type, r.Target, r.Content, r.Xattrs = File, "", file.Content, file.Xattrs
			}
		}
		list = append(list, r)
	}
	return list
}

// recordAt returns the record of a path that is there.
func recordAt(records []Record, name string) *Record {
	i, _ := slices.BinarySearchFunc(records, name, func(r Record, name string) int { return cmp.Compare(r.Path, name) })
	return &records[i]
}
