package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/signing"
)

func (a *app) keyCommand() *cobra.Command {
	return group("key", "Make keys to sign with, and show them", a.keyNewCommand(), a.keyShowCommand())
}

func (a *app) keyNewCommand() *cobra.Command {
	var p keyPlace
	var plain bool
	cmd := &cobra.Command{
		Use:   "new FILE",
		Short: "Make a key to sign with",
		Long: `Make a key pair as "minisign -G" does: FILE is the private key, and the public
one goes beside it, FILE.pub, or NAME.pub for NAME.key. A password is asked for,
twice.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{"which file? Name one for the private key: key new minisign.key"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			p.path = args[0]
			return a.newKey(cmd.Context(), p, plain)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&p.passwordFile, "password-file", "", "read the password from the first line of `FILE`")
	f.StringVar(&p.passwordEnv, "password-env", "", "read the password from the environment variable `NAME`")
	f.BoolVar(&plain, "no-password", false, "don't encrypt the key: who can read the file can sign")
	cmd.MarkFlagsMutuallyExclusive("password-file", "password-env", "no-password")
	return cmd
}

// publicPath is where the public key of a private one is.
func publicPath(private string) string { return strings.TrimSuffix(private, ".key") + ".pub" }

func (a *app) newKey(ctx context.Context, p keyPlace, plain bool) error {
	public := publicPath(p.path)
	for _, path := range []string{p.path, public} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return p.fault("is not made", fmt.Sprintf("There is a file %s already.", path), "Give another name, or move that file away.", nil, nil)
		}
	}
	word := ""
	if !plain {
		var err error
		if word, err = a.newPassword(ctx, p); err != nil {
			return err
		}
	}
	key, err := signing.Generate()
	if err != nil {
		return err
	}
	text, err := key.Encode(word)
	if err != nil {
		return err
	}
	if err := errors.Join(create(p.path, text, 0o600), create(public, key.Public().Encode(), 0o644)); err != nil {
		return &fault.Error{Summary: fmt.Sprintf("The key %s can't be written", p.path), Detail: sentence(err), Remedy: "Give a path that can be written.", Err: err}
	}
	fmt.Fprintf(a.Streams.Out, "%s  private, keep it to yourself\n%s  public, key %s\n", p.path, public, key.ID())
	return nil
}

// newPassword returns a password for a new key, which isn't empty.
func (a *app) newPassword(ctx context.Context, p keyPlace) (string, error) {
	word, err := a.password(ctx, p)
	if err != nil {
		return "", err
	}
	if p.passwordFile == "" && p.passwordEnv == "" && term.IsTerminal(int(os.Stdin.Fd())) {
		again, err := a.ask(ctx, "Once more: ")
		if err != nil {
			return "", err
		}
		if again != word {
			return "", p.fault("is not made", "The two passwords differ.", "Try again.", nil, nil)
		}
	}
	if word == "" {
		return "", p.fault("is not made", "The password is empty.", "Give one, or say --no-password for a key that is not encrypted.", nil, nil)
	}
	return word, nil
}

// create writes a file that isn't there.
func create(path string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func (a *app) keyShowCommand() *cobra.Command {
	var pem bool
	cmd := &cobra.Command{
		Use:   "show KEY",
		Short: "Show a public key as other programs take it",
		Long: `Show a public key, a file or the text that begins with RW: its number, and the
text that "mkmini verify --key" and "minisign -P" take. With --pem it is shown
as programs that verify envelopes of DSSE want one of Ed25519.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{"which key? Name the file of a public key, or write the key"}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.showKey(args[0], pem) },
	}
	cmd.Flags().BoolVar(&pem, "pem", false, "show it as PEM")
	return cmd
}

func (a *app) showKey(text string, pem bool) error {
	key, err := publicKey(text)
	if err != nil {
		return err
	}
	if !pem {
		fmt.Fprintf(a.Streams.Out, "%s  %s\n", key.ID(), key)
		return nil
	}
	out, err := key.PEM()
	if err == nil {
		_, err = a.Streams.Out.Write(out)
	}
	return err
}

// publicKey returns the public key that a text is, or that is in the file which
// it names.
func publicKey(text string) (signing.PublicKey, error) {
	if key, err := signing.ParsePublic([]byte(text)); err == nil {
		return key, nil
	}
	f := &fault.Error{
		Summary: "Unusable key", Remedy: "Give the file of a public key, such as minisign.pub, or its second line, which begins with RW.", Usage: true,
	}
	data, err := os.ReadFile(text)
	if err != nil {
		f.Detail, f.Err = fmt.Sprintf("%q is no public key of minisign, and no file with one.", text), err
		return signing.PublicKey{}, f
	}
	key, err := signing.ParsePublic(data)
	if err == nil {
		return key, nil
	}
	f.Detail, f.Err = fmt.Sprintf("%s holds no public key of minisign.", text), err
	if _, err := signing.ParsePrivate(data, func() (string, error) { return "", signing.ErrPassword }); err == nil || errors.Is(err, signing.ErrPassword) {
		f.Detail = fmt.Sprintf("%s is a private key: keep it to yourself, and give the public one.", text)
	}
	return signing.PublicKey{}, f
}
