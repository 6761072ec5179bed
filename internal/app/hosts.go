package app

import (
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// hosts are the host names that the server answers to. A request for another name is refused, because a browser may
// have been tricked into sending it, or it was relayed and its signature was made for another server.
type hosts struct {
	names []string // lower-case, without a port; one that begins with a dot stands for all below it
}

// newHosts returns the names of a server: the host of its URL, the address it listens at, the machine's name, and the
// operator's names.
func newHosts(serverURL, listen string, more []string) hosts {
	names := []string{"localhost", ".localhost"}
	if u, err := url.Parse(serverURL); err == nil {
		names = append(names, u.Hostname())
	}
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" {
		names = append(names, host)
	}
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	names = append(names, more...)
	var h hosts
	for _, n := range names {
		if n = strings.ToLower(strings.TrimSpace(n)); n != "" && n != "." {
			h.names = append(h.names, strings.Replace(n, "*.", ".", 1))
		}
	}
	return h
}

// serves reports whether a request is for this server. Its host must be one of the server's names, a bucket's name
// followed by one of them (S3's virtual hosts), a loopback address, or the address that the connection came in at.
func (h hosts) serves(r *http.Request) bool {
	host := strings.ToLower(hostOf(r.Host))
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback() || host == localIP(r) || h.has(host)
	}
	if h.has(host) {
		return true
	}
	for rest := host; ; {
		_, after, ok := strings.Cut(rest, ".")
		if !ok {
			return false
		}
		if rest = after; h.has(rest) || h.has(strings.TrimPrefix(rest, "s3.")) {
			return true
		}
	}
}

func (h hosts) has(host string) bool {
	for _, n := range h.names {
		if n == host || strings.HasPrefix(n, ".") && strings.HasSuffix(host, n) {
			return true
		}
	}
	return false
}

// hostOf returns a Host header without its port and the brackets of an IPv6 address.
func hostOf(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}

func localIP(r *http.Request) string {
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return a.IP.String()
	}
	return ""
}
