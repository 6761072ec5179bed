package setting

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Tag is a key with its value.
type Tag struct{ Key, Value string }

// TagSet are tags.
type TagSet struct{ Tag []Tag }

// Tagging are the tags of a bucket or an object.
type Tagging struct {
	XMLName xml.Name
	TagSet  TagSet
}

func (t *Tagging) root() *xml.Name { return &t.XMLName }
func (*Tagging) name() string      { return "Tagging" }

// MaxObjectTags is how many tags an object may have; MaxBucketTags a bucket.
const (
	MaxObjectTags = 10
	MaxBucketTags = 50
)

// Check implements Document, for the tags of a bucket.
func (t *Tagging) Check() error { return CheckTags(t.TagSet.Tag, MaxBucketTags) }

// CheckTags holds S3's rules of tags ("Categorizing your objects using tags").
func CheckTags(tags []Tag, most int) error {
	if len(tags) > most {
		code := "InvalidTag"
		if most == MaxObjectTags {
			code = "BadRequest"
		}
		return &Error{http.StatusBadRequest, code, "Object tags cannot be greater than " + itoa(most)}
	}
	seen := map[string]bool{}
	for _, tag := range tags {
		switch {
		case seen[tag.Key]:
			return invalidTag("Cannot provide multiple Tags with the same key")
		case tag.Key == "" || utf8.RuneCountInString(tag.Key) > 128:
			return invalidTag("The TagKey you have provided is invalid")
		case utf8.RuneCountInString(tag.Value) > 256:
			return invalidTag("The TagValue you have provided is invalid")
		case strings.HasPrefix(strings.ToLower(tag.Key), "aws:"):
			return invalidTag("System tags cannot be added/updated by requester")
		}
		seen[tag.Key] = true
	}
	return nil
}

func invalidTag(message string) error { return &Error{http.StatusBadRequest, "InvalidTag", message} }

// HeaderTags reads the header x-amz-tagging, which has tags as the query of a URL.
func HeaderTags(header string) ([]Tag, error) {
	if header == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(header)
	if err != nil {
		return nil, invalid("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query " +
			"parameters without tag name duplicates.")
	}
	var tags []Tag
	for key, all := range values {
		if len(all) > 1 {
			return nil, invalid("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query " +
				"parameters without tag name duplicates.")
		}
		tags = append(tags, Tag{key, all[0]})
	}
	slices.SortFunc(tags, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
	return tags, CheckTags(tags, MaxObjectTags)
}
