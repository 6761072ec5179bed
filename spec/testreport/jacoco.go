package testreport

import (
	"encoding/xml"
	"path"
)

// jacoco reads JaCoCo's coverage in XML: groups and packages with source files, whose lines say how many instructions
// and branches were missed and covered.
func (f *file) jacoco() error {
	x, _, err := f.xml("report")
	if err != nil {
		return err
	}
	inPackage := func(e xml.StartElement) error {
		folder := attribute(e, "name")
		return x.each(map[string]func(xml.StartElement) error{"sourcefile": func(e xml.StartElement) error {
			c, err := x.covered(path.Join(folder, attribute(e, "name")))
			if err != nil {
				return err
			}
			return x.each(map[string]func(xml.StartElement) error{
				"line": func(e xml.StartElement) error { return x.jacocoLine(c, e) },
			})
		}})
	}
	var within func(e xml.StartElement) error
	within = func(e xml.StartElement) error {
		switch e.Name.Local {
		case "group":
			return x.children(within)
		case "package":
			return inPackage(e)
		}
		return x.skip(nil)
	}
	if err := x.children(within); err != nil {
		return err
	}
	return x.end()
}

func (x *xmlFile) jacocoLine(c *covered, e xml.StartElement) error {
	var numbers [4]int64
	for i, name := range []string{"nr", "ci", "mb", "cb"} {
		var err error
		if numbers[i], err = count(attribute(e, name)); err != nil {
			return err
		}
	}
	number, instructions, missed, taken := numbers[0], numbers[1], numbers[2], numbers[3]
	if err := c.line(number, instructions > 0); err != nil {
		return err
	}
	if err := c.branch(number, taken, min(missed, maxLine)+min(taken, maxLine)); err != nil {
		return err
	}
	return x.skip(nil)
}
