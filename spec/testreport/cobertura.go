package testreport

import (
	"encoding/xml"
	"fmt"
	"path"
	"strings"
)

// cobertura reads the coverage of Cobertura and of what writes the same, such as coverage.py and gcovr: packages with
// classes with lines.
func (f *file) cobertura() error {
	x, _, err := f.xml("coverage")
	if err != nil {
		return err
	}
	var sources []string
	class := func(e xml.StartElement) error {
		c, err := x.covered(f.below(sources, attribute(e, "filename")))
		if err != nil {
			return err
		}
		return x.each(map[string]func(xml.StartElement) error{"lines": func(xml.StartElement) error {
			return x.each(map[string]func(xml.StartElement) error{
				"line": func(e xml.StartElement) error { return x.coberturaLine(c, e) },
			})
		}})
	}
	err = x.each(map[string]func(xml.StartElement) error{
		"sources": func(xml.StartElement) error {
			return x.each(map[string]func(xml.StartElement) error{"source": func(xml.StartElement) error {
				text, err := x.text()
				sources = append(sources, text)
				return err
			}})
		},
		"packages": func(xml.StartElement) error {
			return x.each(map[string]func(xml.StartElement) error{"package": func(xml.StartElement) error {
				return x.each(map[string]func(xml.StartElement) error{"classes": func(xml.StartElement) error {
					return x.each(map[string]func(xml.StartElement) error{"class": class})
				}})
			}})
		},
	})
	if err != nil {
		return err
	}
	return x.end()
}

// below completes a file's name by the only folder that it may lie in, if that is one of the sources'.
func (f *file) below(sources []string, name string) string {
	if len(sources) != 1 || name == "" || path.IsAbs(name) || f.results.Source == "" {
		return name
	}
	if whole := path.Join(sources[0], name); strings.HasPrefix(whole, strings.TrimSuffix(f.results.Source, "/")+"/") {
		return whole
	}
	return name
}

func (x *xmlFile) coberturaLine(c *covered, e xml.StartElement) error {
	number, err := count(attribute(e, "number"))
	if err != nil {
		return err
	}
	hits, err := count(attribute(e, "hits"))
	if err != nil {
		return err
	}
	if err := c.line(number, hits > 0); err != nil {
		return err
	}
	// A condition's coverage is written like "50% (1/2)".
	if text := attribute(e, "condition-coverage"); text != "" {
		_, text, _ = strings.Cut(text, "(")
		var taken, total int64
		if _, err := fmt.Sscanf(text, "%d/%d)", &taken, &total); err != nil {
			return fmt.Errorf("the condition-coverage %q of line %d is not like 50%% (1/2)",
				limit(attribute(e, "condition-coverage"), 60), number)
		}
		if err := c.branch(number, taken, total); err != nil {
			return err
		}
	}
	return x.skip(nil)
}
