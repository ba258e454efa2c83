// Command counter is an HTTP proxy on the loopback interface that counts the
// bytes it hands to its clients, whatever else the machine receives. It prints
// its port, and answers /count with the number so far.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"sync/atomic"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, "counter:", err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	var count atomic.Int64
	forward := &httputil.ReverseProxy{Rewrite: func(*httputil.ProxyRequest) {}}
	err = http.Serve(&counted{listener, &count}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodConnect:
			tunnel(w, r)
		case r.URL.Host != "":
			forward.ServeHTTP(w, r)
		default:
			fmt.Fprintln(w, count.Load())
		}
	}))
	fmt.Fprintln(os.Stderr, "counter:", err)
	os.Exit(1)
}

// tunnel carries a TLS connection, of which nothing but the size is known.
func tunnel(w http.ResponseWriter, r *http.Request) {
	server, err := net.Dial("tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer client.Close()
	fmt.Fprint(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(server, client)
		server.Close()
	}()
	_, _ = io.Copy(client, server)
}

// counted counts what is written to the connections it accepts.
type counted struct {
	net.Listener
	count *atomic.Int64
}

func (l *counted) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return &writes{conn, l.count}, err
}

type writes struct {
	net.Conn
	count *atomic.Int64
}

func (c *writes) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.count.Add(int64(n))
	return n, err
}
