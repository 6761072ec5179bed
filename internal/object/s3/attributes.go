package s3

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
)

// getAttributes answers with what x-amz-object-attributes names of an object.
func (q *request) getAttributes() error {
	var asked []string
	for a := range strings.SplitSeq(strings.Join(q.Header.Values("X-Amz-Object-Attributes"), ","), ",") {
		if a = strings.TrimSpace(a); a != "" {
			asked = append(asked, a)
		}
	}
	if len(asked) == 0 {
		return invalid("The x-amz-object-attributes header specifying the attributes to be retrieved is either " +
			"missing or empty")
	}
	for _, a := range asked {
		if !slices.Contains([]string{"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}, a) {
			return invalid("Invalid attribute name specified: " + a)
		}
	}
	o, err := q.stat(q.Context())
	if err != nil {
		return err
	}
	type parts struct {
		TotalPartsCount int `xml:"PartsCount"`
	}
	out := struct {
		XMLName      xml.Name `xml:"GetObjectAttributesResponse"`
		Xmlns        string   `xml:"xmlns,attr"`
		ETag         string   `xml:",omitempty"`
		Checksum     *checksumXML
		ObjectParts  *parts
		StorageClass string `xml:",omitempty"`
		ObjectSize   *int64
	}{Xmlns: namespace}
	has := func(a string) bool { return slices.Contains(asked, a) }
	if has("ETag") {
		out.ETag = o.ETag
	}
	if has("Checksum") && len(o.Meta.Sums) > 0 {
		out.Checksum = new(sumsXML(o.Meta.Sums, o.Meta.SumKind))
	}
	if has("ObjectParts") && len(o.Meta.Parts) > 0 {
		out.ObjectParts = &parts{len(o.Meta.Parts)}
	}
	if has("StorageClass") {
		out.StorageClass = classOf(&o.Meta)
	}
	if has("ObjectSize") {
		out.ObjectSize = &o.Size
	}
	q.version(o)
	q.w.Header().Set("Last-Modified", o.Modified.Format(http.TimeFormat))
	q.xml(http.StatusOK, out)
	return nil
}
