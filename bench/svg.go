package main

import (
	"bytes"
	"fmt"
	"html"
	"image/color"
	"os"
	"strings"
)

// canvas is an SVG image under construction. Text is anchored at its start, middle, or end, so that
// the image is correct whatever font the reader has. The background is opaque, so that it is
// legible on light and dark pages.
type canvas struct {
	width, height float64
	body          bytes.Buffer
}

// These are the colors of everything but the data.
const (
	ink   = "#1f2328"
	faint = "#59636e"
	rule  = "#d8dee4"
)

// The anchors of a text.
const (
	atStart  = "start"
	atMiddle = "middle"
	atEnd    = "end"
)

func hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

func (c *canvas) rect(x, y, width, height float64, fill string) {
	fmt.Fprintf(&c.body, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", x, y, width, height, fill)
}

func (c *canvas) line(x1, y1, x2, y2 float64, stroke string) {
	fmt.Fprintf(&c.body, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x1, y1, x2, y2, stroke)
}

// polyline draws a line through points, which alternate x and y.
func (c *canvas) polyline(points []float64, stroke string, width float64) {
	var b strings.Builder
	for i := 0; i+1 < len(points); i += 2 {
		fmt.Fprintf(&b, "%.1f,%.1f ", points[i], points[i+1])
	}
	fmt.Fprintf(&c.body, "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"%g\" stroke-linejoin=\"round\"/>\n",
		strings.TrimSpace(b.String()), stroke, width)
}

// text draws s with its baseline at y.
func (c *canvas) text(x, y float64, anchor, fill, weight string, size int, s string) {
	fmt.Fprintf(&c.body, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" fill=\"%s\" font-weight=\"%s\" font-size=\"%d\">%s</text>\n",
		x, y, anchor, fill, weight, size, html.EscapeString(s))
}

// save writes the image to a file.
func (c *canvas) save(path string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %[1]g %[2]g\" width=\"%[1]g\" height=\"%[2]g\" "+
		"font-family=\"system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\">\n"+
		"<rect width=\"%[1]g\" height=\"%[2]g\" rx=\"6\" fill=\"#ffffff\"/>\n", c.width, c.height)
	b.Write(c.body.Bytes())
	b.WriteString("</svg>\n")
	return os.WriteFile(path, b.Bytes(), 0o644)
}
