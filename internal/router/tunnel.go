package router

import (
	"io"
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
		return x.unreached()
	}
	u.begin()
	defer u.finish()
	defer t.drop(u)
	gone := x.whenGone(&u.hangUp)
	defer gone.forget()
	x.began = time.Now()
	if _, err := u.Write(x.q.head(nil, x.uri, upgrade)); err != nil {
		return x.broken(u, err)
	}
	res, err := u.readHead(x.q.Method)
	if err != nil {
		return x.broken(u, err)
	}
	if res.status != http.StatusSwitchingProtocols {
		if res.status < 200 {
			return failed
		}
		x.answer = &answered{status: res.status, after: x.waited()}
		if err := x.deliver(t, u, res); err != nil {
			if x.takeBack(err) {
				return failed
			}
			x.count()
			panic(http.ErrAbortHandler) //nolint:forbidigo // as in exchange.on
		}
		return done
	}
	x.group.metrics.answered(res.status, x.waited())
	gone.forget()
	h := x.w.Header()
	res.copyTo(h)
	h["Connection"] = []string{"Upgrade"}
	for _, f := range res.fields {
		if f.key == "Upgrade" {
			h[f.key] = []string{f.value}
		}
	}
	x.setCookies(h, t, res)
	x.w.WriteHeader(http.StatusSwitchingProtocols)
	w, ok := x.w.(*response1)
	if !ok {
		return failed // of HTTP/2, which has no upgrades
	}
	client, err := w.hijack()
	if err != nil {
		return done
	}
	join(client, u)
	return done
}

// join hands bytes to and fro. A side that has no more to say still hears what the other says.
func join(client *hijacked, target *upstream) {
	up := make(chan struct{})
	go func() {
		defer close(up)
		if _, err := io.Copy(target.watched, client); err != nil || target.CloseWrite() != nil {
			_ = target.Close()
		}
	}()
	if _, err := io.Copy(client, target.br); err != nil || client.CloseWrite() != nil {
		_ = client.Close()
	}
	<-up
	_ = client.Close()
}
