package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func TestRouterProtocols(t *testing.T) {
	t.Parallel()
	b := balance(t)
	blue := newApplication(t, "blue")
	one, two := b.group("one", "HTTP1", blue.address), b.group("two", "HTTP2", blue.address)
	b.forward(b.listener, weights(one, 1))
	u := "http://" + b.address

	t.Run("bodies", func(t *testing.T) {
		big := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
		for name, body := range map[string]io.Reader{"small": strings.NewReader("small"), "big": strings.NewReader(big),
			"of unknown length": io.MultiReader(strings.NewReader(big), strings.NewReader("end"))} {
			resp := must(http.Post(u+"/echo", "text/plain", body))(t)
			got := must(io.ReadAll(resp.Body))(t)
			_ = resp.Body.Close()
			if want := map[string]string{"small": "small", "big": big,
				"of unknown length": big + "end"}[name]; string(got) != want {
				t.Errorf("%s: %d bytes came back, want %d", name, len(got), len(want))
			}
		}
		resp := must(http.Get(u + "/trailer"))(t)
		defer resp.Body.Close()
		if _, err := io.ReadAll(resp.Body); err != nil || resp.Trailer.Get("X-End") != "reached" {
			t.Errorf("trailer %v, %v", resp.Trailer, err)
		}
		if resp := must(http.Head(u + "/"))(t); resp.StatusCode != 200 || resp.ContentLength != 4 {
			t.Errorf("HEAD: %+v", resp)
		}
	})
	t.Run("stream", func(t *testing.T) {
		stream := newApplication(t, "stream")
		l, address := b.listen(types.ProtocolEnumHttp,
			[]types.Action{weights(b.group("stream", "HTTP1", stream.address), 1)})
		_ = l
		resp := must(http.Get("http://" + address + "/stream"))(t)
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		for n := range 3 { // each arrives before the next is written
			if !lines.Scan() || lines.Text() != fmt.Sprintf("event %d", n) {
				t.Fatalf("event %d: %q, %v", n, lines.Text(), lines.Err())
			}
			stream.goOn <- struct{}{}
		}
	})
	t.Run("websocket", func(t *testing.T) {
		c, _, err := websocket.Dial(t.Context(), "ws://"+b.address+"/websocket", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []string{"hello", strings.Repeat("x", 30_000)} {
			if err := c.Write(t.Context(), websocket.MessageText, []byte(m)); err != nil {
				t.Fatal(err)
			}
			if _, got, err := c.Read(t.Context()); err != nil || string(got) != "blue "+m {
				t.Fatalf("%.20q, %v", got, err)
			}
		}
		if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
	})
	t.Run("HTTP/2 without TLS, to both kinds of targets", func(t *testing.T) {
		var only http.Protocols
		only.SetUnencryptedHTTP2(true)
		c := &http.Client{Transport: &http.Transport{Protocols: &only}}
		for group, want := range map[string]string{one: "HTTP/1.1", two: "HTTP/2.0"} {
			b.forward(b.listener, weights(group, 1))
			if resp, body := ask(t, c, "GET", u+"/request"); resp.ProtoMajor != 2 || !strings.Contains(body, want) {
				t.Errorf("%s: %s", resp.Proto, body)
			}
			if resp, body := ask(t, http.DefaultClient, "GET", u+"/request"); resp.ProtoMajor != 1 ||
				!strings.Contains(body, want) {
				t.Errorf("%s: %s", resp.Proto, body)
			}
		}
	})
	t.Run("TLS and SNI", func(t *testing.T) {
		first, firstPEM := b.upload("first", "first.example.com")
		second, secondPEM := b.upload("second", "second.example.com")
		_, address := b.listen(types.ProtocolEnumHttps, []types.Action{weights(one, 1)}, first, second)
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(firstPEM + secondPEM))
		for host, proto := range map[string]string{"first.example.com": "h2", "second.example.com": "http/1.1"} {
			c := must(tls.Dial("tcp", address,
				&tls.Config{RootCAs: roots, ServerName: host, NextProtos: []string{proto}}))(t)
			if got := c.ConnectionState(); got.NegotiatedProtocol != proto ||
				got.PeerCertificates[0].DNSNames[0] != host {
				t.Errorf("%s: %s, %v", host, got.NegotiatedProtocol, got.PeerCertificates[0].DNSNames)
			}
			_ = c.Close()
		}
		if _, err := tls.Dial("tcp", address,
			&tls.Config{RootCAs: roots, ServerName: "first.example.com", MaxVersion: tls.VersionTLS11}); err == nil {
			t.Error("TLS 1.1 was taken")
		}
		for _, h2 := range []bool{true, false} {
			tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "second.example.com"},
				ForceAttemptHTTP2: h2}
			resp, body := ask(t, &http.Client{Transport: tr}, "GET", "https://"+address+"/request")
			if (resp.ProtoMajor == 2) != h2 || !strings.Contains(body, "X-Forwarded-Proto: https\r\n") {
				t.Errorf("%s: %s", resp.Proto, body)
			}
		}
		text := must(os.ReadFile(filepath.Join(b.data, "router", "table.json")))(t)
		info := must(os.Stat(filepath.Join(b.data, "router", "table.json")))(t)
		if !strings.Contains(string(text), "PRIVATE KEY") || info.Mode().Perm() != 0o600 {
			t.Errorf("the table with the keys: %v", info.Mode())
		}
		if database := must(os.ReadFile(filepath.Join(b.data, "slipway.db")))(t); strings.Contains(string(database),
			"PRIVATE KEY") {
			t.Error("a private key lies in the database in clear")
		}
	})
	t.Run("gRPC", func(t *testing.T) { grpcThrough(t, b) })
}

// checker is a gRPC service.
type checker struct {
	healthpb.UnimplementedHealthServer
}

func (checker) Check(ctx context.Context, in *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if in.Service == "fail" {
		_ = grpc.SetTrailer(ctx, metadata.Pairs("why", "asked-for"))
		return nil, status.Error(14, "as asked")
	}
	return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
}

func (checker) Watch(_ *healthpb.HealthCheckRequest, s grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	for n := range 3 {
		if err := s.Send(
			&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_ServingStatus(n)}); err != nil {
			return err
		}
	}
	return nil
}

func grpcThrough(t *testing.T, b *balanced) {
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, checker{})
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	group := b.group("grpc", "GRPC", l.Addr().String())
	_, address := b.listen(types.ProtocolEnumHttp, []types.Action{weights(group, 1)})
	b.is(group, l.Addr().String(), "healthy")
	conn := must(grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials())))(t)
	defer conn.Close()
	c := healthpb.NewHealthClient(conn)
	if out, err := c.Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil ||
		out.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("%v, %v", out, err)
	}
	var trailer metadata.MD
	_, err := c.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "fail"}, grpc.Trailer(&trailer))
	if status.Code(err) != 14 || len(trailer.Get("why")) != 1 {
		t.Errorf("%v, %v", err, trailer)
	}
	stream := must(c.Watch(t.Context(), &healthpb.HealthCheckRequest{}))(t)
	for n := range 3 {
		if m, err := stream.Recv(); err != nil || int(m.Status) != n {
			t.Errorf("message %d: %v, %v", n, m, err)
		}
	}
	if _, err := stream.Recv(); err != io.EOF {
		t.Errorf("the end: %v", err)
	}
}
