package identity

import (
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/iam"
	"slipway/internal/store"
)

// defaultPage is how many elements a page of a list has if the request does not say.
const defaultPage = 100

// list is what a request for a page says.
type list struct {
	op     string
	filter any
	marker *string
	most   *int32
}

// page is what an answer says besides the elements.
type page struct {
	marker    *string
	truncated *bool
}

// paged returns a page of a list that is sorted by keys, each of which is there once.
func paged[T any](s *Service, l list, all []T, key func(T) string) ([]T, page, error) {
	after := ""
	if !s.pager.Place(l.op, l.filter, l.marker, &after) {
		return nil, page{}, &awsproto.Error{Code: "ValidationError",
			Message: "The Marker is not one that " + l.op + " returned for this request. Begin without it."}
	}
	if after != "" {
		from, _ := slices.BinarySearchFunc(all, after, func(x T, after string) int {
			if key(x) <= after {
				return -1
			}
			return 1
		})
		all = all[from:]
	}
	n := defaultPage
	if l.most != nil {
		n = int(*l.most)
	}
	p := page{truncated: new(len(all) > n)}
	if len(all) > n {
		all = all[:n]
		p.marker = s.pager.Token(l.op, l.filter, key(all[n-1]))
	}
	return append(make([]T, 0, len(all)), all...), p, nil
}

// under returns the entities whose path begins with a prefix.
func under[T entity](all []T, prefix *string) []T {
	if prefix == nil || *prefix == "/" {
		return all
	}
	var kept []T
	for _, d := range all {
		if strings.HasPrefix(d.heading().Path, *prefix) {
			kept = append(kept, d)
		}
	}
	return kept
}

// maxTags is IAM's limit of tags of an entity.
const maxTags = 50

// retag puts tags in the place of those with the same keys. Keys differ in more than case.
func retag(tags []store.Tag, more []iam.Tag) ([]store.Tag, error) {
	seen := map[string]bool{}
	for _, t := range more {
		folded := strings.ToLower(*t.Key)
		if seen[folded] {
			return nil, &iam.InvalidInputException{
				Message: "Duplicate tag keys found. Please note that Tag keys are case insensitive."}
		}
		if strings.HasPrefix(folded, "aws:") {
			return nil, &iam.InvalidInputException{Message: "Tag keys that begin with aws: are reserved."}
		}
		seen[folded] = true
		at := slices.IndexFunc(tags, func(x store.Tag) bool { return strings.EqualFold(x.Key, *t.Key) })
		if at < 0 {
			tags = append(tags, store.Tag{Key: *t.Key, Value: *t.Value})
		} else {
			tags[at] = store.Tag{Key: *t.Key, Value: *t.Value}
		}
	}
	if len(tags) > maxTags {
		return nil, exceeds("The number of tags has reached the maximum limit.")
	}
	return tags, nil
}

// untag takes tags away. Keys that are not there are no error.
func untag(tags []store.Tag, keys []string) []store.Tag {
	return slices.DeleteFunc(tags, func(t store.Tag) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, t.Key) })
	})
}

func shownTags(tags []store.Tag) []iam.Tag {
	shown := make([]iam.Tag, 0, len(tags))
	for _, t := range tags {
		shown = append(shown, iam.Tag{Key: &t.Key, Value: &t.Value})
	}
	slices.SortFunc(shown, func(a, b iam.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return shown
}

// someTags are tags in an answer that leaves them out if there are none.
func someTags(tags []store.Tag) []iam.Tag {
	if len(tags) == 0 {
		return nil
	}
	return shownTags(tags)
}

// pathOr is a path, or / for none.
func pathOr(path *string) string {
	if path == nil || *path == "" {
		return "/"
	}
	return *path
}

func shownBoundary(arn string) *iam.AttachedPermissionsBoundary {
	if arn == "" {
		return nil
	}
	return &iam.AttachedPermissionsBoundary{
		PermissionsBoundaryType: iam.PermissionsBoundaryAttachmentTypePermissionsBoundaryPolicy,
		PermissionsBoundaryArn:  &arn,
	}
}

func at(ms int64) *awsproto.Time { return awsproto.At(timeMS(ms).time()) }
