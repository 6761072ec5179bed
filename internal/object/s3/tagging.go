package s3

import (
	"net/http"

	"slipway/internal/object/setting"
)

func (q *request) getObjectTagging() error {
	o, err := q.stat(q.Context())
	if err != nil {
		return err
	}
	q.version(o)
	q.text(http.StatusOK, setting.Text(&setting.Tagging{TagSet: setting.TagSet{Tag: o.Meta.Tags}}))
	return nil
}

func (q *request) putObjectTagging() error {
	text, err := q.whole()
	if err != nil {
		return err
	}
	var t setting.Tagging
	if err := setting.Read(text, &t); err != nil {
		return err
	}
	if err := setting.CheckTags(t.TagSet.Tag, setting.MaxObjectTags); err != nil {
		return err
	}
	o, err := q.h.Objects.PutTags(q.Context(), q.bucket, q.key, q.query.Get("versionId"), t.TagSet.Tag)
	if err != nil {
		return err
	}
	q.version(o)
	q.w.WriteHeader(http.StatusOK)
	return nil
}

func (q *request) deleteObjectTagging() error {
	o, err := q.h.Objects.PutTags(q.Context(), q.bucket, q.key, q.query.Get("versionId"), nil)
	if err != nil {
		return err
	}
	q.version(o)
	q.w.WriteHeader(http.StatusNoContent)
	return nil
}

// noLock answers for the retention or the legal hold of an object. No bucket here has object lock.
func (q *request) noLock() error {
	if _, err := q.stat(q.Context()); err != nil {
		return err
	}
	return fail(http.StatusBadRequest, "InvalidRequest", "Bucket is missing Object Lock Configuration")
}
