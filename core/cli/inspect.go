package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/capability"
	"github.com/mkmini/mkmini/core/inspect"
	"github.com/mkmini/mkmini/core/inspect/disk"
	"github.com/mkmini/mkmini/core/ui"
)

func (a *app) inspectCommand() *cobra.Command {
	var which inspect.Options
	var summary bool
	cmd := &cobra.Command{
		Use:   "inspect ARTIFACT",
		Short: "Show what is in an archive, an image, a disk or a folder",
		Long: `Show what is in an artifact, mkmini's or anyone's: a tar or newc cpio archive,
compressed or not, a zip archive, what docker save writes, an OCI layout as a
folder or a tar archive, the image of an ext4, squashfs or EROFS file system or
of a disk, raw or qcow2, or a folder. Layers of images are applied, and checked
against their digests.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{"which artifact? Name one archive, image or folder"}
			}
			return a.inspect(cmd.Context(), args[0], which, summary)
		},
	}
	cmd.Flags().BoolVar(&summary, "summary", false, "leave the entries out")
	choiceFlags(cmd, &which)
	a.jsonFlag(cmd)
	return cmd
}

// choiceFlags are the flags of commands that read images and disks.
func choiceFlags(cmd *cobra.Command, which *inspect.Options) {
	cmd.Flags().StringVar(&which.Platform, "platform", "", "take the image for `OS/ARCH` of several, such as linux/arm64")
	cmd.Flags().IntVar(&which.Partition, "partition", 0, "take the partition with this `NUMBER` of a disk")
}

// fitting says whether what was chosen fits what was read.
func fitting(art *inspect.Artifact, which inspect.Options) error {
	if which.Platform != "" && len(art.Trees) > 0 && art.Trees[0].Image == nil {
		return &usageError{fmt.Sprintf("--platform %s: %s is no image", which.Platform, inspect.Quote(art.Path))}
	}
	if which.Partition != 0 && art.Partitions == nil {
		return &usageError{fmt.Sprintf("--partition %d: %s is no disk with partitions", which.Partition, inspect.Quote(art.Path))}
	}
	return nil
}

// inspect shows an artifact.
func (a *app) inspect(ctx context.Context, path string, which inspect.Options, summary bool) error {
	which.ELF = true
	art, err := inspect.Read(ctx, path, which)
	if err != nil {
		return err
	}
	if err := fitting(art, which); err != nil {
		return err
	}
	if summary {
		for _, t := range art.Trees {
			t.Entries = nil
		}
	}
	w := bufio.NewWriter(a.Streams.Out)
	if a.flags.json {
		return errors.Join(art.WriteJSON(w), w.Flush())
	}
	title := art.Format
	if art.Compression != "" {
		title += ", " + art.Compression
	}
	fmt.Fprintf(w, "%s: %s\n", inspect.Quote(path), title)
	if art.Partitions != nil {
		fmt.Fprintln(w)
		writePartitions(w, art.Partitions)
	}
	for _, t := range art.Trees {
		fmt.Fprintln(w)
		writeTree(w, t)
	}
	for _, one := range art.Attached {
		fmt.Fprintf(w, "\nattached %s %s", inspect.Quote(one.ArtifactType), one.Digest)
		if one.Subject != "" {
			fmt.Fprintf(w, " to %s", inspect.Quote(one.Subject))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// writePartitions shows a partition table.
func writePartitions(w io.Writer, t *disk.Table) {
	fmt.Fprintf(w, "%-13s %s %s\n", "table", t.Kind, t.ID)
	for _, p := range t.Partitions {
		text := fmt.Sprintf("from %d, %s, type %s", p.Start, ui.Size(p.Size), p.Type)
		if p.ID != "" {
			text += ", id " + p.ID
		}
		if p.Name != "" {
			text += ", " + inspect.Quote(p.Name)
		}
		fmt.Fprintf(w, "%-13s %s\n", fmt.Sprintf("partition %d", p.Number), text)
	}
}

// writeTree shows a file system. Errors stay in w.
func writeTree(w io.Writer, t *inspect.Tree) {
	if t.Image != nil {
		writeImage(w, t.Image)
		fmt.Fprintln(w)
	}
	if t.Volume != nil && t.Volume.Partition > 0 {
		fmt.Fprintf(w, "%-13s %s\n\n", fmt.Sprintf("partition %d", t.Volume.Partition), t.Volume.Filesystem)
	}
	for _, e := range t.Entries {
		fmt.Fprintln(w, line(e))
	}
	if len(t.Entries) > 0 {
		fmt.Fprintln(w)
	}
	s := t.Totals
	fmt.Fprintf(w, "%d entries: %d files with %s (%d bytes), %d directories, %d symlinks, %d hard links, %d devices, %d others\n",
		s.Entries, s.Files, ui.Size(s.Bytes), s.Bytes, s.Directories, s.Symlinks, s.Hardlinks, s.Devices, s.Others)
	for _, note := range t.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
}

// writeImage shows what an image says of itself.
func writeImage(w io.Writer, i *inspect.Image) {
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-13s %s\n", name, value)
		}
	}
	row("image", quoteAll(i.Tags))
	row("platform", inspect.Quote(i.Platform()))
	row("manifest", i.Digest)
	row("configuration", i.ConfigDigest)
	row("created", i.Created)
	c := i.Config
	row("entrypoint", jsonList(c.Entrypoint))
	row("cmd", jsonList(c.Cmd))
	for _, variable := range c.Env {
		row("env", inspect.Quote(variable))
	}
	for _, key := range slices.Sorted(maps.Keys(c.Labels)) {
		row("label", inspect.Quote(key+"="+c.Labels[key]))
	}
	for _, one := range []struct{ name, value string }{
		{"author", i.Author}, {"user", c.User}, {"working dir", c.WorkingDir}, {"stop signal", c.StopSignal},
	} {
		if one.value != "" {
			row(one.name, inspect.Quote(one.value))
		}
	}
	row("ports", quoteAll(c.ExposedPorts))
	row("volumes", quoteAll(c.Volumes))
	row("healthcheck", healthcheck(c.Healthcheck))
	for n, l := range i.Layers {
		kind := l.Compression
		if kind == "" {
			kind = "not compressed"
		}
		row(fmt.Sprintf("layer %d", n+1), fmt.Sprintf("%s, %s, %s", l.Digest, ui.Size(l.Size), kind))
	}
}

func healthcheck(h *v1.HealthConfig) string {
	if h == nil {
		return ""
	}
	return jsonList(h.Test)
}

func quoteAll(names []string) string {
	var all []string
	for _, n := range names {
		all = append(all, inspect.Quote(n))
	}
	return strings.Join(all, " ")
}

func jsonList(list []string) string {
	if len(list) == 0 {
		return ""
	}
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(list); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(text.String())
}

// line shows an entry: type and mode, owner, size or device, time, name, and
// what else there is to say.
func line(e *inspect.Entry) string {
	mode, owner, size, when := permissions(e), fmt.Sprintf("%d:%d", e.UID, e.GID), "-", inspect.Time(e.ModTime)
	switch e.Type {
	case inspect.File:
		size = fmt.Sprint(e.Size)
	case inspect.CharDevice, inspect.BlockDevice:
		size = fmt.Sprintf("%d,%d", e.Major, e.Minor)
	}
	if e.Implied {
		mode, owner, when = "d?????????", "-", "-"
	}
	text := fmt.Sprintf("%s %-9s %10s %20s  %s", mode, owner, size, when, inspect.Quote(e.Path))
	if e.Type == inspect.Symlink || e.Type == inspect.Broken {
		text += " -> " + inspect.Quote(e.Target)
	}
	if e.Link != "" {
		return text + "  (hard link to " + inspect.Quote(e.Link) + ")"
	}
	if e.ELF != nil {
		text += "  (" + e.ELF.String() + ")"
	}
	for _, name := range slices.Sorted(maps.Keys(e.Xattrs)) {
		if name == capability.Attribute {
			text += "  [" + inspect.Quote(e.Xattr(name)) + "]"
			continue
		}
		text += "  [" + inspect.Quote(name) + "]"
	}
	return text
}

// permissions shows type and mode as ls does.
func permissions(e *inspect.Entry) string {
	text := []byte{byte(e.Type)}
	for i, letter := range []byte("rwxrwxrwx") {
		if e.Mode&(1<<(8-i)) == 0 {
			letter = '-'
		}
		text = append(text, letter)
	}
	for _, special := range []struct {
		bit    uint32
		at     int
		letter byte
	}{{0o4000, 3, 's'}, {0o2000, 6, 's'}, {0o1000, 9, 't'}} {
		if e.Mode&special.bit == 0 {
			continue
		}
		if text[special.at] == 'x' {
			text[special.at] = special.letter
		} else {
			text[special.at] = special.letter - 'a' + 'A'
		}
	}
	return string(text)
}
