package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/signing"
)

// keyPlace is where a private key is, and where its password.
type keyPlace struct {
	path string
	// passwordFile and passwordEnv may be empty: the user is asked then.
	passwordFile, passwordEnv string
	// at and passwordAt are where these were written; nil for the command
	// line.
	at, passwordAt *fault.Range
}

// open reads a private key. The password goes nowhere but into opening it.
func (a *app) open(ctx context.Context, p keyPlace) (signing.PrivateKey, error) {
	text, err := os.ReadFile(p.path)
	if err != nil {
		return signing.PrivateKey{}, p.fault("can't be read", sentence(err), "Correct the path of the key.", p.at, err)
	}
	key, err := signing.ParsePrivate(text, func() (string, error) { return a.password(ctx, p) })
	var f *fault.Error
	switch {
	case err == nil, errors.As(err, &f), ctx.Err() != nil:
		return key, err
	case errors.Is(err, signing.ErrPassword):
		return key, p.fault("can't be opened", "The password is wrong, or the file is damaged.", "Give the password that the key was made with.", p.passwordAt, err)
	}
	remedy := "Name the file with the private key, which `mkmini key new` or `minisign -G` writes."
	if _, wrong := signing.ParsePublic(text); wrong == nil {
		remedy = "This is the public key: name the private one, which `mkmini key new` or `minisign -G` writes beside it."
	}
	return key, p.fault("can't be used", "It is no private key of minisign.", remedy, p.at, err)
}

func (p keyPlace) fault(what, detail, remedy string, at *fault.Range, err error) error {
	return &fault.Error{Summary: fmt.Sprintf("The key %s %s", p.path, what), Detail: detail, Remedy: remedy, Range: at, Usage: true, Err: err}
}

// password returns the password of a key: from a file, from the environment, or
// from the user.
func (a *app) password(ctx context.Context, p keyPlace) (string, error) {
	switch {
	case p.passwordFile != "":
		text, err := os.ReadFile(p.passwordFile)
		if err != nil {
			return "", p.fault("can't be opened", "Its password can't be read: "+lowerFirst(sentence(err)), "Correct the path of the password's file.", p.passwordAt, err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		return strings.TrimSuffix(line, "\r"), nil
	case p.passwordEnv != "":
		word, ok := os.LookupEnv(p.passwordEnv)
		if !ok {
			return "", p.fault("can't be opened", fmt.Sprintf("Its password should be in the environment variable %s, which is not set.", p.passwordEnv),
				"Set it, or leave its name out to be asked.", p.passwordAt, nil)
		}
		return word, nil
	case !term.IsTerminal(int(os.Stdin.Fd())):
		return "", p.fault("can't be opened", "It is encrypted, and there is no terminal to ask for its password.",
			"Name a file or an environment variable that has the password: password_file or password_env in the sign block, --password-file or --password-env on the command line.", p.passwordAt, nil)
	}
	return a.ask(ctx, fmt.Sprintf("Password of %s: ", p.path))
}

// ask asks for something that isn't shown. When ctx ends, the terminal shows
// again what is typed.
func (a *app) ask(ctx context.Context, question string) (string, error) {
	in := int(os.Stdin.Fd())
	before, err := term.GetState(in)
	if err != nil {
		return "", fmt.Errorf("ask: %w", err)
	}
	fmt.Fprint(a.Streams.Err, question)
	type answer struct {
		word []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		word, err := term.ReadPassword(in)
		answers <- answer{word, err}
	}()
	select {
	case got := <-answers:
		fmt.Fprintln(a.Streams.Err)
		if got.err != nil {
			return "", fmt.Errorf("ask: %w", got.err)
		}
		return string(got.word), nil
	case <-ctx.Done():
		fmt.Fprintln(a.Streams.Err)
		return "", errors.Join(context.Cause(ctx), term.Restore(in, before))
	}
}

// sentence makes an error one.
func sentence(err error) string {
	text := strings.TrimSuffix(err.Error(), ".")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
