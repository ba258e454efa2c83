package plugincheck

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mkmini/mkmini/plugins/sdk"
)

// started is a plugin that was started without a host, up to its handshake.
// Source: docs/plugins/protocol.md.
type started struct {
	pid int
	// end ends it; ended is closed when it has.
	end      func()
	ended    chan struct{}
	protocol int
	address  string
	// server is the plugin's certificate, and host what it was given.
	server []byte
	host   tls.Certificate
}

// noHandshake says that a plugin printed something else, or nothing.
type noHandshake struct {
	line, problem string
	ended         bool
}

func (e *noHandshake) Error() string { return e.problem }

// plainEnvironment are the variables of a plugin that nobody serves.
func (s *subject) plainEnvironment() []string {
	return append([]string{"LANG=C", "LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH"), "USER=" + os.Getenv("USER")},
		s.environment()...)
}

// socketBase returns a folder for the folders of sockets, whose paths are
// limited to 107 bytes.
func socketBase() string {
	const rest = len("/mkmini-4294967295/plugin4294967295")
	if base := os.TempDir(); len(base)+rest <= 107 {
		return base
	}
	return "/tmp"
}

// start starts the plugin with mkmini's cookie and offers it versions of the
// protocol. The caller ends it.
func (s *subject) start(ctx context.Context, versions []int) (*started, error) {
	host, pem, err := newCertificate()
	if err != nil {
		return nil, err
	}
	sockets, err := os.MkdirTemp(socketBase(), "mkmini-")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := sdk.Command(ctx, s.exe)
	cmd.Dir = "/"
	cmd.Env = append(s.plainEnvironment(),
		sdk.Handshake().MagicCookieKey+"="+sdk.Handshake().MagicCookieValue,
		"PLUGIN_PROTOCOL_VERSIONS="+strings.Trim(strings.ReplaceAll(fmt.Sprint(versions), " ", ","), "[]"),
		"PLUGIN_MIN_PORT=10000", "PLUGIN_MAX_PORT=25000",
		"PLUGIN_CLIENT_CERT="+pem, "PLUGIN_UNIX_SOCKET_DIR="+sockets)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	run := &started{ended: make(chan struct{}), host: host}
	run.end = func() {
		cancel()
		<-run.ended
		os.RemoveAll(sockets)
	}
	lines, err := run.launch(cmd)
	if err != nil {
		run.end()
		return nil, err
	}
	select {
	case line := <-lines:
		err = run.read(line)
	case <-time.After(s.opts.StartTimeout):
		err = &noHandshake{problem: fmt.Sprintf("it printed no handshake within %v", s.opts.StartTimeout)}
	}
	if err != nil {
		run.end()
		return nil, printed(err, stderr.Bytes())
	}
	return run, nil
}

// launch starts the command, and closes ended when it has ended. Its first
// line comes through the channel, an empty one if it has none.
func (r *started) launch(cmd *exec.Cmd) (<-chan string, error) {
	out, w, err := os.Pipe()
	if err != nil {
		close(r.ended)
		return nil, err
	}
	cmd.Stdout = w
	lines, begun := make(chan string, 1), make(chan error, 1)
	go func() {
		defer out.Close()
		line, _ := bufio.NewReader(io.LimitReader(out, 64<<10)).ReadString('\n')
		lines <- line
		_, _ = io.Copy(io.Discard, out)
	}()
	go func() {
		defer close(r.ended)
		// The kernel ends the process with the thread that started it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		w.Close()
		if err == nil {
			r.pid = cmd.Process.Pid
		}
		begun <- err
		if err == nil {
			_ = cmd.Wait()
			_ = syscall.Kill(-r.pid, syscall.SIGKILL)
		}
	}()
	return lines, <-begun
}

// read reads a handshake: core version, protocol version, network, address,
// "grpc", certificate.
func (r *started) read(line string) error {
	parts := strings.Split(strings.TrimSpace(line), "|")
	if line == "" {
		return &noHandshake{problem: "it ended without a handshake", ended: true}
	}
	no := func(problem string) error {
		return &noHandshake{line: line, problem: problem + ": " + short([]byte(line))}
	}
	if len(parts) < 6 || parts[0] != "1" || parts[4] != "grpc" {
		return no("its first line is no handshake")
	}
	var err error
	if r.protocol, err = strconv.Atoi(parts[1]); err != nil {
		return no("its protocol's version is no number")
	}
	if parts[2] != "unix" || !filepath.IsAbs(parts[3]) {
		return no("it does not listen on a unix socket")
	}
	r.address = parts[3]
	if r.server, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(r.server) == 0 {
		return no("its certificate is not DER in base64 without padding")
	}
	return nil
}

// refusesStrangers connects without a certificate and with a wrong one, and
// makes sure that the right one would have done.
func refusesStrangers(ctx context.Context, s *subject) (string, error) {
	run, err := s.start(ctx, sdk.ProtocolVersions())
	if err != nil {
		return "", err
	}
	defer run.end()
	cert, err := x509.ParseCertificate(run.server)
	if err != nil {
		return "", fmt.Errorf("its certificate can't be read: %w", err)
	}
	wrong, _, err := newCertificate()
	if err != nil {
		return "", err
	}
	if err := run.greet(ctx, cert, run.host); err != nil {
		return "", fmt.Errorf("it does not answer who has the right certificate: %w", err)
	}
	if run.greet(ctx, cert) == nil {
		return "", errors.New("it answers whoever connects without a certificate")
	}
	if run.greet(ctx, cert, wrong) == nil {
		return "", errors.New("it answers whoever connects with another certificate")
	}
	return fmt.Sprintf("%s key, valid for %s", cert.PublicKeyAlgorithm, strings.Join(cert.DNSNames, ", ")), nil
}

// greet connects as an HTTP/2 client with certificates, and reads the first
// bytes of an answer.
func (r *started) greet(ctx context.Context, server *x509.Certificate, certificates ...tls.Certificate) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "unix", r.address)
	if err != nil {
		return err
	}
	defer raw.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = raw.SetDeadline(deadline)
	}
	roots := x509.NewCertPool()
	roots.AddCert(server)
	conn := tls.Client(raw, &tls.Config{
		Certificates: certificates, RootCAs: roots, ServerName: "localhost", NextProtos: []string{"h2"},
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	// RFC 9113: the client's preface and empty SETTINGS.
	if _, err := conn.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 9))
	return err
}
