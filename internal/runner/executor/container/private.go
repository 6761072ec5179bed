package container

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"slipway/internal/runner/room"
)

const (
	// privateHost is what the names of images begin with that an account has opened.
	privateHost = "slipway.private/"
	// digestTag begins the tag that says by which digest the registry knows such an image: the engine forgets it
	// with the image's own name.
	digestTag = "sha256-"
)

func isPrivate(name string) bool { return strings.HasPrefix(name, privateHost) }

func isPublic(name string) bool { return !isPrivate(name) }

// digestOf is the digest that a name of an image has, "" if it has none.
func digestOf(name string) string {
	if _, d, ok := strings.Cut(name, ":"+digestTag); ok && isPrivate(name) {
		return "sha256:" + d
	}
	_, d, _ := strings.Cut(name, "@")
	return d
}

// privateRepository is what the repository of an image is called for the builds that have an account at its registry.
// Others cannot tell it, and so cannot use what the account has pulled.
func privateRepository(image string, by *room.Registry) string {
	h := sha256.New()
	repository, _ := parts(image)
	for _, s := range []string{repository, by.User, by.Password} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return privateHost + hex.EncodeToString(h.Sum(nil))
}

// privateTag is a tag in a private repository, which cannot have digests.
func privateTag(tag string) string {
	if d, ok := strings.CutPrefix(tag, "sha256:"); ok {
		return digestTag + d
	}
	return tag
}

// privateImage finds an image that the room's account has opened, or pulls it. An image that others may use is asked
// for at the registry all the same, and what the account has pulled is kept under a name that only it knows.
func (r *containerRoom) privateImage(ctx context.Context) (image, error) {
	unlock, err := r.engine.pulls.lock(ctx, r.spec.Image)
	if err != nil {
		return image{}, err
	}
	defer unlock()
	repository := privateRepository(r.spec.Image, r.spec.Registry)
	_, tag := parts(r.spec.Image)
	i, err := r.inspectImage(ctx, repository+":"+privateTag(tag))
	if !gone(err) {
		return i, err
	}
	_, before := r.inspectImage(ctx, r.spec.Image)
	if before != nil && !gone(before) {
		return image{}, before
	}
	if err := r.pull(ctx); err != nil {
		return image{}, err
	}
	if i, err = r.inspectImage(ctx, r.spec.Image); err != nil {
		return image{}, err
	}
	return i, r.hide(ctx, i, repository, gone(before))
}

// asks tells that the registry would be asked for an image by its digest: an engine that knows the digest takes it as a
// proof of the right to the image. Those who have the account find it before that.
func (r *containerRoom) asks(ctx context.Context, digest string) error {
	filters, err := json.Marshal(map[string][]string{"reference": {privateHost + "*:" + privateTag(digest)}})
	if err != nil {
		return err
	}
	var known []struct{ ID string }
	query := url.Values{"filters": {string(filters)}}
	if err := r.engine.api.call(ctx, http.MethodGet, "/images/json?"+query.Encode(), nil, &known); err != nil {
		return err
	}
	if len(known) > 0 {
		return errors.New("another account has opened it on this machine, and the container engine would not ask the " +
			"registry whether this build may have it. Name the image by a tag instead of its digest")
	}
	return nil
}

// hide gives an image that was pulled its private name, and takes it its own if nobody else had it by that.
func (r *containerRoom) hide(ctx context.Context, i image, repository string, alone bool) error {
	api := r.engine.api
	_, tag := parts(r.spec.Image)
	for _, tag := range []string{tag, i.digest} {
		query := url.Values{"repo": {repository}, "tag": {privateTag(tag)}}
		if err := api.post(ctx, "/images/"+i.id+"/tag?"+query.Encode()); err != nil {
			return err
		}
	}
	if !alone {
		return nil
	}
	return api.call(ctx, http.MethodDelete, "/images/"+r.spec.Image, nil, nil)
}

// locks are locks by name.
type locks struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when the name is free again
}

// lock waits for a name and returns what frees it.
func (l *locks) lock(ctx context.Context, name string) (unlock func(), err error) {
	for {
		l.mu.Lock()
		wait, taken := l.held[name]
		if !taken {
			free := make(chan struct{})
			if l.held == nil {
				l.held = map[string]chan struct{}{}
			}
			l.held[name] = free
			l.mu.Unlock()
			return func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				delete(l.held, name)
				close(free)
			}, nil
		}
		l.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
