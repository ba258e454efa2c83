package registry

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/mkmini/mkmini/core/fault"
	"github.com/mkmini/mkmini/core/source/oci"
)

func badName(text, remedy string, err error) error {
	return &fault.Error{Summary: "Unusable name", Detail: fmt.Sprintf("%q can't be the name of an image in a registry.", text), Remedy: remedy, Usage: true, Err: err}
}

// unusable is the error of an artifact.
func unusable(err error) error {
	f := &fault.Error{Summary: "Artifact can't be pushed", Detail: sentence(err.Error()), Err: err}
	switch {
	case errors.Is(err, errDamaged):
		f.Remedy = "Export it again."
	case errors.Is(err, os.ErrNotExist):
		f.Detail, f.Usage = sentence(strings.TrimSuffix(err.Error(), ": "+os.ErrNotExist.Error())), true
		f.Remedy = "Give the path of what mkmini build listed."
	default:
		f.Usage, f.Remedy = true, "Give an artifact of the exporters docker or oci, and one image of it."
	}
	return f
}

// Unusable makes an error of Open one for people.
func Unusable(err error) error { return unusable(err) }

// sentence makes a clause one.
func sentence(clause string) string {
	if clause == "" {
		return ""
	}
	return strings.ToUpper(clause[:1]) + strings.TrimSuffix(clause[1:], ".") + "."
}

// explain says why a registry has no image now, and what to do.
func (p *Pusher) explain(tag name.Tag, err error) error {
	if errors.Is(err, errDamaged) {
		return unusable(clause(err))
	}
	f := &fault.Error{Summary: fmt.Sprintf("%s not pushed", tag), Err: err}
	f.Detail, f.Remedy = p.reason(tag, err)
	return f
}

// reason says in a sentence why a registry did not do as asked, and what to do.
func (p *Pusher) reason(tag name.Tag, err error) (detail, remedy string) {
	var answer *transport.Error
	var wait errWait
	var other errOther
	registry := tag.RegistryStr()
	plain := p.Insecure || tag.Scheme() == "http"
	if detail, remedy, ok := distrusted(tag, err); ok {
		return detail, remedy
	}
	switch {
	case errors.As(err, &wait):
		return fmt.Sprintf("The registry %s wants no more requests now: it asks to wait %v.", registry, wait.after),
			"Push again later; what was sent is not sent again."
	case errors.Is(err, errCredentials):
		return sentence(oneLine(clause(err).Error())), "Correct config.json in $DOCKER_CONFIG or ~/.docker, and what it names as credsStore or in credHelpers; or log in again with `docker login " + registry + "`."
	case errors.As(err, &other):
		return fmt.Sprintf("The registry %s took %s in place of %s.", registry, other.took, other.sent), changedOnTheWay
	case errors.As(err, &answer):
		return answered(tag, answer)
	case errors.Is(err, oci.ErrPlain):
		return fmt.Sprintf("The registry %s offers plain http only, by which anybody on the way can read and change what is sent.", registry),
			"Push by https, or with --insecure if you trust the network."
	case !plain && strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Sprintf("The registry %s speaks http and not https.", registry), "Push with --insecure if you trust the network."
	}
	return unreached(registry, err)
}

// changedOnTheWay is what to do about digests that differ.
const changedOnTheWay = "Push again. If it stays like this, what stands between here and the registry, such as a proxy, changes what is sent."

// distrusted puts what is wrong with TLS in words.
func distrusted(tag name.Tag, err error) (detail, remedy string, ok bool) {
	registry := tag.RegistryStr()
	host := (&url.URL{Host: registry}).Hostname()
	var unknown x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var op *net.OpError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown):
		return fmt.Sprintf("The certificate of the registry %s is signed by an unknown authority.", registry),
			"If you trust the registry, install the certificate of its authority: into /usr/local/share/ca-certificates with update-ca-certificates, or name its file in SSL_CERT_FILE.", true
	case errors.As(err, &hostname):
		return fmt.Sprintf("The certificate of the registry %s is for other names, and not for %s.", registry, host),
			"Call the registry by a name that its certificate has, or have it get another one.", true
	case errors.As(err, &invalid):
		return fmt.Sprintf("The certificate of the registry %s can't be used: %v.", registry, strings.TrimPrefix(invalid.Error(), "x509: ")),
			"Have the registry get another one; if it is one of another time, look at this machine's clock.", true
	case errors.As(err, &op) && op.Op == "remote error": // what crypto/tls makes of an alert
		return fmt.Sprintf("The registry %s ends the TLS handshake: %v.", registry, op.Err),
			"Have the registry speak TLS 1.2 or later; its log may say more.", true
	case errors.As(err, &record):
		return fmt.Sprintf("What listens at %s does not speak TLS.", registry), "Correct the name or the port of the registry.", true
	}
	return "", "", false
}

// answered puts a registry's refusal in words.
func answered(tag name.Tag, answer *transport.Error) (detail, remedy string) {
	registry, said := tag.RegistryStr(), ""
	for _, d := range answer.Errors {
		said += fmt.Sprintf(", and says: %s", strings.TrimSuffix(cmp.Or(d.Message, string(d.Code)), "."))
	}
	for _, d := range answer.Errors {
		if d.Code == transport.DigestInvalidErrorCode || d.Code == transport.SizeInvalidErrorCode {
			return fmt.Sprintf("The registry %s says that it did not get what was sent: %s.", registry, strings.TrimSuffix(cmp.Or(d.Message, string(d.Code)), ".")), changedOnTheWay
		}
	}
	status := strings.TrimSpace(fmt.Sprintf("%d %s", answer.StatusCode, http.StatusText(answer.StatusCode)))
	detail = fmt.Sprintf("The registry %s answers %s%s.", registry, status, said)
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		return detail, fmt.Sprintf("Log in with `docker login %s`.", registry)
	case http.StatusForbidden:
		return detail, fmt.Sprintf("Ask for the right to write to %s, or log in as somebody who has it with `docker login %s`.", tag.Repository, registry)
	case http.StatusNotFound:
		return detail, fmt.Sprintf("Create the repository %s, or correct its name.", tag.RepositoryStr())
	case http.StatusRequestEntityTooLarge:
		return detail, "Have the registry, or the proxy before it, take larger requests."
	case http.StatusTooManyRequests:
		return detail, "Push again later; what was sent is not sent again."
	}
	if answer.StatusCode >= http.StatusInternalServerError {
		return detail, "Push again later; what was sent is not sent again. If it stays like this, look into the registry's log."
	}
	return detail, "Correct what the registry names."
}

// unreached puts an error of the network in words.
func unreached(registry string, err error) (detail, remedy string) {
	var dial *net.OpError
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return fmt.Sprintf("The name of the registry %s does not resolve.", registry), "Correct the name, or the network."
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Sprintf("The registry %s can't be reached: %v.", registry, dial), "Start the registry, or correct its name or the network."
	}
	if !broken(err) {
		return fmt.Sprintf("The registry %s answers with what can't be used: %s.", registry, oneLine(clause(err).Error())),
			"Look whether this is a registry, and whether a proxy or the login page of a network stands before it."
	}
	return fmt.Sprintf("The connection to the registry %s failed: %s.", registry, oneLine(clause(err).Error())), "Push again; what was sent is not sent again."
}

// broken says whether an error is of a connection, and not of what came by it.
func broken(err error) bool {
	var ne *net.OpError
	var errno syscall.Errno
	if errors.As(err, &ne) || errors.As(err, &errno) || errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, context.DeadlineExceeded} {
		if errors.Is(err, e) {
			return true
		}
	}
	return strings.Contains(err.Error(), "timeout")
}

// oneLine makes a text fit for a sentence: what registries say may be long.
func oneLine(text string) string {
	const most = 300
	text = strings.TrimSuffix(strings.Join(strings.Fields(text), " "), ".")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " …"
	}
	return text
}

// clause is an error without the request that it is about.
func clause(err error) error {
	// Where both may be tried, https was first.
	if _, rest, ok := strings.Cut(err.Error(), "server gave HTTP response to HTTPS client; "); ok {
		return errors.New(rest)
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}
