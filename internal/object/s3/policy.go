package s3

import (
	"encoding/xml"
	"io"
	"net/http"

	"slipway/internal/identity/policy"
	"slipway/internal/object"
	"slipway/internal/object/setting"
)

const noPolicy = "NoSuchBucketPolicy"

func (q *request) getPolicy() error {
	text, err := q.policy()
	if err != nil {
		return err
	}
	q.w.Header().Set("Content-Type", "application/json")
	q.w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(q.w, text)
	return nil
}

func (q *request) policy() (string, error) {
	set, err := q.h.Objects.Settings(q.Context(), q.bucket)
	if err != nil {
		return "", err
	}
	text, ok := set[object.Policy]
	if !ok {
		return "", notFound(noPolicy, "The bucket policy does not exist")
	}
	return text, nil
}

func (q *request) policyStatus() error {
	text, err := q.policy()
	if err != nil {
		return err
	}
	q.xml(http.StatusOK, struct {
		XMLName  xml.Name `xml:"PolicyStatus"`
		Xmlns    string   `xml:"xmlns,attr"`
		IsPublic bool
	}{Xmlns: namespace, IsPublic: setting.IsPublicPolicy(text)})
	return nil
}

// maxPolicy is the most bytes of a bucket policy, as at S3.
const maxPolicy = 20 << 10

func (q *request) putPolicy() error {
	set, err := q.h.Objects.Settings(q.Context(), q.bucket)
	if err != nil {
		return err
	}
	raw, err := q.whole()
	if err != nil {
		return err
	}
	text := string(raw)
	if len(text) > maxPolicy {
		return malformedPolicy("the policy is larger than 20 KB")
	}
	if _, err := policy.Parse(policy.Resource, text); err != nil {
		return malformedPolicy(err.Error())
	}
	var block setting.PublicAccessBlock
	if doc, ok := set[object.PublicAccess]; ok {
		if err := setting.Parse(doc, &block); err != nil {
			return err
		}
	}
	if block.BlockPublicPolicy && setting.IsPublicPolicy(text) {
		return fail(http.StatusForbidden, "AccessDenied",
			"s3:PutBucketPolicy is refused because public policies are blocked by the BlockPublicPolicy setting of "+
				"the bucket's public access block.")
	}
	if err := q.h.Objects.PutSettings(q.Context(), q.bucket, object.Settings{object.Policy: text}); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

func malformedPolicy(why string) error {
	return fail(http.StatusBadRequest, "MalformedPolicy", "Policy has invalid resource or syntax: "+why)
}

func (q *request) deletePolicy() error {
	if err := q.h.Objects.DeleteSettings(q.Context(), q.bucket, object.Policy); err != nil {
		return err
	}
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}
