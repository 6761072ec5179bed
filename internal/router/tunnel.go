package router

import (
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// upgrade is the protocol that the client wants to change to, such as websocket; "" for none.
func (q *incoming) upgrade() string {
	if q.ProtoMajor != 1 || len(q.Header["Upgrade"]) != 1 || q.hasBody() {
		return ""
	}
	for _, name := range named(q.Header) {
		if name == "Upgrade" && !strings.EqualFold(q.Header["Upgrade"][0], "h2c") {
			return q.Header["Upgrade"][0]
		}
	}
	return ""
}

// tunnel asks a target for another protocol, and if it agrees hands bytes to and fro until one side ends.
func (x *exchange) tunnel(t *target, upgrade string) outcome {
	u, err := x.connect(t, true)
	if err != nil {
		return unsent
	}
	u.begin()
	defer u.finish()
	defer t.drop(u)
	stop := x.whenGone(func() { _ = u.Close() })
	defer stop()
	x.began = time.Now()
	if _, err := u.Write(x.q.head(nil, x.uri, upgrade)); err != nil {
		return x.broken(u, err)
	}
	res, err := u.readHead(x.q.Method)
	if err != nil {
		return x.broken(u, err)
	}
	x.group.metrics.answered(res.status, time.Since(x.began))
	if res.status != http.StatusSwitchingProtocols {
		if res.status < 200 {
			return failed
		}
		if err := x.deliver(t, u, res); err != nil {
			panic(http.ErrAbortHandler) //nolint:forbidigo // as in exchange.on
		}
		return done
	}
	stop()
	h := x.w.Header()
	copyHeader(h, res.header)
	h["Connection"], h["Upgrade"] = []string{"Upgrade"}, res.header["Upgrade"]
	x.setCookies(h, t)
	x.w.WriteHeader(http.StatusSwitchingProtocols)
	client, buffered, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.log.Debug("a connection cannot be taken over", "error", err)
		return done
	}
	defer client.Close()
	early, err := buffered.Peek(buffered.Reader.Buffered())
	if err == nil {
		_, err = u.Write(early)
	}
	if err != nil {
		return done
	}
	join(client, u.watched, u.br)
	return done
}

// join hands bytes to and fro. A side that has no more to say is still listened to… by the other.
func join(client net.Conn, target *watched, fromTarget io.Reader) {
	up := make(chan struct{})
	go func() {
		defer close(up)
		_, err := io.Copy(target, client)
		if err != nil || target.CloseWrite() != nil {
			_ = target.Close()
		}
	}()
	_, err := io.Copy(client, fromTarget)
	closer, ok := client.(interface{ CloseWrite() error })
	if err != nil || !ok || closer.CloseWrite() != nil {
		_ = client.Close()
	}
	<-up
}
