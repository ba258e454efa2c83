package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/provenance"
	"github.com/mkmini/mkmini/core/referrer"
	"github.com/mkmini/mkmini/core/signing"
	"github.com/mkmini/mkmini/core/store"
)

// signing are the flags of `sign`.
type signFlags struct {
	place   keyPlace
	comment string
}

func (a *app) signCommand() *cobra.Command {
	var s signFlags
	cmd := &cobra.Command{
		Use:   "sign ARTIFACT... --key FILE",
		Short: "Sign artifacts",
		Long: `Sign artifacts with a key of minisign: ARTIFACT.minisig is written beside each,
and minisign -V verifies it. Of a folder, checksums are written and signed. A
provenance beside the artifact, or attached to its images, is signed too.

The same artifact and key give the same signature.`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return &usageError{"sign what? Name artifacts: sign out/mini-x86_64.docker.tar --key minisign.key"}
			case s.place.path == "":
				return &usageError{"sign by which key? Name a private key of minisign with --key; `mkmini key new` makes one"}
			case s.place.passwordFile != "" && s.place.passwordEnv != "":
				return &usageError{"--password-file and --password-env: the key has one password; leave one of them out"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.sign(cmd.Context(), args, s) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&s.place.path, "key", "", "private key of minisign: `FILE`")
	f.StringVar(&s.place.passwordFile, "password-file", "", "read the key's password from the first line of `FILE`")
	f.StringVar(&s.place.passwordEnv, "password-env", "", "read the key's password from the environment variable `NAME`")
	f.StringVar(&s.comment, "comment", "", "sign this `TEXT` with each artifact, in place of its name")
	a.jsonFlag(cmd)
	return cmd
}

// signedJSON is what `sign` says of an artifact in JSON.
type signedJSON struct {
	Artifact   string `json:"artifact"`
	Signature  string `json:"signature"`
	Sums       string `json:"sums,omitempty"`
	Provenance string `json:"provenance,omitempty"`
	Key        string `json:"key"`
}

func (a *app) sign(ctx context.Context, artifacts []string, flags signFlags) error {
	for _, path := range artifacts {
		if _, err := os.Stat(path); err != nil {
			return unsigned(path, err)
		}
	}
	key, err := a.open(ctx, flags.place)
	if err != nil {
		return err
	}
	all := []signedJSON{}
	for _, path := range artifacts {
		path = filepath.Clean(path)
		one := signedJSON{Artifact: path, Key: key.ID()}
		if one.Provenance, err = signProvenance(ctx, path, key); err != nil {
			return unsigned(path, err)
		}
		made, err := key.SignArtifact(ctx, path, flags.comment)
		if err != nil {
			return unsigned(path, err)
		}
		one.Signature, one.Sums = made.Signature, made.Sums
		all = append(all, one)
		if !a.flags.json {
			for _, name := range []string{one.Provenance, one.Sums, one.Signature} {
				if name != "" {
					fmt.Fprintln(a.Streams.Out, name)
				}
			}
		}
	}
	if a.flags.json {
		return a.writeJSON(all)
	}
	return nil
}

// unsigned says why an artifact has no signature.
func unsigned(path string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	f := &fault.Error{Summary: path + " can't be signed", Detail: sentence(err), Remedy: "Build it again.", Err: err}
	if errors.Is(err, os.ErrNotExist) {
		f.Detail, f.Remedy, f.Usage = "There is no such file or folder.", "Give the path of what mkmini build listed.", true
	}
	if errors.Is(err, os.ErrPermission) {
		f.Remedy = "Sign as somebody who may write beside the artifact."
	}
	return f
}

// signProvenance signs the provenance of an artifact: what is beside it, and
// what is attached to its images. It returns the path of the former.
func signProvenance(ctx context.Context, path string, key signing.PrivateKey) (string, error) {
	file := path + provenance.Suffix
	text, err := os.ReadFile(file)
	beside := err == nil
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	attached, when, err := referrer.Attached(ctx, path)
	if err != nil {
		return "", err
	}
	switch {
	case !beside && attached == nil:
		return "", nil
	case !beside:
		text = attached
	}
	signed, err := signLines(ctx, text, key)
	if err != nil {
		return "", fmt.Errorf("its provenance: %w", err)
	}
	if attached != nil {
		if err := referrer.Attach(ctx, path, referrer.Provenance(path, signed, when)); err != nil {
			return "", err
		}
	}
	if !beside {
		return "", nil
	}
	if bytes.Equal(signed, text) {
		return file, nil
	}
	return file, store.WriteFile(file, signed)
}

// signLines signs envelopes, each on a line.
func signLines(ctx context.Context, text []byte, key signing.PrivateKey) ([]byte, error) {
	var out []byte
	for _, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		e, err := signing.ParseEnvelope(line)
		if err != nil {
			return nil, err
		}
		if e, err = key.SignEnvelope(ctx, e); err != nil {
			return nil, err
		}
		encoded, err := e.Encode()
		if err != nil {
			return nil, err
		}
		out = append(out, encoded...)
	}
	return out, nil
}
