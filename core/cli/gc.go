package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/store"
	"github.com/mkmini/mkmini/core/store/gc"
	"github.com/mkmini/mkmini/core/toolchain"
	"github.com/mkmini/mkmini/core/ui"
)

// keepFor is how long what isn't used is kept if gc isn't told.
const keepFor = "30d"

func (a *app) gcCommand() *cobra.Command {
	var older string
	var dry bool
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Remove from the store what nobody has used for a while",
		Long: `Remove results, compilers, fetched files, logs and records that nobody has used
for a while, and what runs that were killed left behind. It waits until no other
mkmini works with the store.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			age, err := parseAge(older)
			if err != nil {
				return err
			}
			return a.gc(cmd.Context(), gc.Options{Older: age, DryRun: dry, Now: time.Now()})
		},
	}
	a.storeFlags(cmd)
	cmd.Flags().StringVar(&older, "older", keepFor, "remove what was not used for `DURATION`: 12h, 30d, 4w")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "remove nothing; show what would be removed")
	a.jsonFlag(cmd)
	return cmd
}

func (a *app) gc(ctx context.Context, o gc.Options) error {
	st, err := a.ownStore(ctx)
	if err != nil {
		return err
	}
	items, err := gc.Collect(ctx, st, o)
	if a.flags.json {
		return errors.Join(a.writeJSON(append([]gc.Item{}, items...)), err)
	}
	var total int64
	var rows [][]string
	for _, item := range items {
		total += item.Size
		rows = append(rows, []string{item.Kind, item.Name, ui.Size(item.Size), item.Used.Local().Format(time.DateOnly)})
	}
	if len(rows) > 0 {
		err = errors.Join(ui.WriteTable(a.Streams.Out, ui.Detect(a.Streams.Out, os.Getenv), []string{"what", "name", ">size", "last used"}, rows), err)
		fmt.Fprintln(a.Streams.Out)
	}
	did := "removed"
	if o.DryRun {
		did = "would be removed"
	}
	fmt.Fprintf(a.Streams.Out, "%d things, %s, %s\n", len(items), ui.Size(total), did)
	return err
}

func (a *app) toolchainRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove ARCH|KEY",
		Short: "Forget compilers, and remove those that mkmini brought",
		Long: `Forget the compilers of an architecture, or the one in the store with that key,
and remove from the store those that mkmini brought. Compilers that were there
already are left alone. The next build finds or brings one anew. It waits until
no other mkmini works with the store.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{"which compilers? Name one architecture or key; `mkmini toolchain list` shows them"}
			}
			return a.removeToolchain(cmd.Context(), args[0])
		},
	}
	a.storeFlags(cmd)
	return cmd
}

// compilerKey begins the keys of compilers in the store.
const compilerKey = "compiler-"

func (a *app) removeToolchain(ctx context.Context, which string) error {
	st, err := a.ownStore(ctx)
	if err != nil {
		return err
	}
	m := &toolchain.Manager{Dir: st.Sub("toolchains")}
	records, err := m.Records(st.Sub("steps"))
	if err != nil {
		return err
	}
	keys, err := compilerKeys(st, records, which)
	if err != nil {
		return err
	}
	forgotten, err := m.Forget(func(r toolchain.Record) bool {
		return r.Arch == which || slices.Contains(keys, st.KeyOf(r.Compiler.CC))
	})
	if err != nil {
		return err
	}
	if len(keys) == 0 && len(forgotten) == 0 {
		return &usageError{fmt.Sprintf("there is no compiler %q in the store; `mkmini toolchain list` shows them", which)}
	}
	for _, r := range forgotten {
		if st.KeyOf(r.Compiler.CC) == "" {
			fmt.Fprintf(a.Streams.Out, "forgotten  %s  %s\n", r.Arch, r.Compiler.CC)
		}
	}
	for _, key := range keys {
		size := gc.Size(st.Path(key))
		if err := st.Remove(key); err != nil {
			return err
		}
		fmt.Fprintf(a.Streams.Out, "removed  %s  %s\n", key, ui.Size(size))
	}
	return nil
}

// compilerKeys returns the keys of the compilers that are meant: those of an
// architecture that no other uses, or the one with that key, which may be cut
// short where it remains clear.
func compilerKeys(st *store.Store, records []toolchain.Record, which string) ([]string, error) {
	entries, err := os.ReadDir(st.Sub("steps"))
	if err != nil {
		return nil, fmt.Errorf("look into the store: %w", err)
	}
	archs := map[string][]string{} // by key
	for _, r := range records {
		key := st.KeyOf(r.Compiler.CC)
		archs[key] = append(archs[key], r.Arch)
	}
	var exact, begun []string
	for _, e := range entries {
		key := e.Name()
		if !strings.HasPrefix(key, compilerKey) {
			continue
		}
		users := archs[key]
		mine := slices.Contains(users, which) || len(users) == 0 && strings.HasPrefix(key, compilerKey+which+"-")
		shared := slices.ContainsFunc(users, func(arch string) bool { return arch != which })
		switch {
		case mine && !shared || key == which:
			exact = append(exact, key)
		case strings.HasPrefix(key, which) && len(which) > len(compilerKey):
			begun = append(begun, key)
		}
	}
	if len(exact) > 0 || len(begun) == 0 {
		return exact, nil
	}
	if len(begun) > 1 {
		return nil, &usageError{fmt.Sprintf("%q begins several keys: %s", which, strings.Join(begun, ", "))}
	}
	return begun, nil
}

var ageSyntax = regexp.MustCompile(`^([0-9]{1,6})([dw])$`)

// parseAge reads a duration as Go has it, or in days or weeks.
func parseAge(text string) (time.Duration, error) {
	if m := ageSyntax.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		unit := map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour}[m[2]]
		if age := time.Duration(n) * unit; err == nil && age/unit == time.Duration(n) {
			return age, nil
		}
	} else if age, err := time.ParseDuration(text); err == nil && age >= 0 {
		return age, nil
	}
	return 0, &usageError{fmt.Sprintf("--older %s: write a number of hours, days or weeks, such as 12h, 30d, 4w", text)}
}
