package hostsystem

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/mkmini/mkmini/core/linkage"
)

// addCommands takes the commands of the block with all that they need, and
// the data that the block names.
func (s *selection) addCommands(ctx context.Context) error {
	var queue []string
	for i, command := range s.host.Commands {
		name, err := s.find(command)
		if err != nil {
			return s.problem("commands."+strconv.Itoa(i), "Command not found",
				fmt.Sprintf("There is no %s in %s of the root %s.", command, strings.Join(searchPath, ", "), s.dir),
				"Install it there, correct its name, or give its absolute path.", err)
		}
		at, taken, err := s.take(name)
		if err != nil {
			return err
		}
		if taken {
			queue = append(queue, at)
		}
	}
	d := &dataFinder{selection: s, queue: queue, done: make(map[string]bool), seen: make(map[string]bool)}
	for _, name := range s.host.Data {
		if err := d.addNamed(ctx, name); err != nil {
			return err
		}
	}
	// Data may be programs and libraries, which need data in turn.
	for len(d.queue) > 0 {
		queue, d.queue = d.queue, nil
		if err := s.completeNames(ctx, queue, func(name string) error { return d.addNeeded(ctx, name) }); err != nil {
			return err
		}
	}
	return nil
}

// dataFinder adds the data that programs open while they run.
type dataFinder struct {
	*selection
	// queue are names that were added and not looked at.
	queue []string
	// done are the names of data that were added.
	done map[string]bool
	// seen are the names of ELF files that were looked at.
	seen map[string]bool
}

// addNeeded adds what the table says of an ELF file.
func (d *dataFinder) addNeeded(ctx context.Context, name string) error {
	if d.seen[name] {
		return nil
	}
	d.seen[name] = true
	f, err := os.Open(d.disk(name))
	if err != nil {
		return nil // see readable
	}
	defer f.Close()
	imports, err := linkage.Imports(f)
	if err != nil {
		return nil // the check of the whole tells of damage
	}
	for i := range table {
		if !d.done[table[i].name] && table[i].fits(name, imports) {
			if err := d.addData(ctx, &table[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// addNamed adds data that the block names.
func (d *dataFinder) addNamed(ctx context.Context, name string) error {
	for i := range table {
		if table[i].name == name {
			return d.addData(ctx, &table[i])
		}
	}
	return fmt.Errorf("there is no data of the name %q", name)
}

// addData adds data, as far as it is there.
func (d *dataFinder) addData(ctx context.Context, data *data) error {
	if d.done[data.name] {
		return nil
	}
	d.done[data.name] = true
	patterns := data.paths
	if data.more != nil {
		patterns = append(slices.Clone(patterns), data.more(d.selection)...)
	}
	before := len(d.added)
	for _, pattern := range patterns {
		if _, err := d.addPattern(ctx, pattern); err != nil && !missing(err) {
			return err
		}
	}
	d.queue = append(d.queue, d.added[before:]...)
	return nil
}
