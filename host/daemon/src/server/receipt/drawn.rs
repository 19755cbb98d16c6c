// SPDX-License-Identifier: MIT OR Apache-2.0
//! A kept signature on a receipt in HTML: its picture, or its strokes as a drawing.

use payhal_protocol::payment::Signature;
use std::fmt::Write as _;

/// Room around the strokes, in parts of the longer side.
const MARGIN: u32 = 20;

pub(super) fn html(signature: &Signature) -> String {
    match &signature.image {
        // Base64 has no character that HTML knows.
        Some(image) => {
            format!("<img alt=\"Signature\" src=\"data:image/png;base64,{image}\">")
        }
        None => drawing(&signature.strokes),
    }
}

fn drawing(strokes: &[Vec<[u16; 2]>]) -> String {
    let points = || strokes.iter().flatten();
    let side = |axis: usize| {
        let all = || points().map(move |point| u32::from(point[axis]));
        (all().min().unwrap_or(0), all().max().unwrap_or(0))
    };
    let ((left, right), (top, bottom)) = (side(0), side(1));
    let (width, height) = (right - left, bottom - top);
    let margin = width.max(height) / MARGIN + 1;
    let mut svg = format!(
        "<svg role=\"img\" aria-label=\"Signature\" viewBox=\"0 0 {} {}\">",
        width + 2 * margin,
        height + 2 * margin
    );
    for stroke in strokes.iter().filter(|stroke| !stroke.is_empty()) {
        svg.push_str(
            "<polyline fill=\"none\" stroke=\"currentColor\" stroke-linecap=\"round\" \
                      stroke-width=\"2\" vector-effect=\"non-scaling-stroke\" points=\"",
        );
        // A dot is a stroke to where it began.
        let end = stroke.first().filter(|_| stroke.len() == 1);
        for [x, y] in stroke.iter().chain(end) {
            let (x, y) = (u32::from(*x) - left + margin, u32::from(*y) - top + margin);
            write!(svg, "{x},{y} ").expect("a string takes everything");
        }
        svg.push_str("\"/>");
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strokes_begin_at_the_margin() {
        let strokes = [vec![[100, 50], [140, 70]], vec![[120, 60]], vec![]];
        let svg = drawing(&strokes);
        assert!(svg.contains("viewBox=\"0 0 46 26\""), "{svg}");
        assert!(svg.contains("points=\"3,3 43,23 \""), "{svg}");
        assert!(svg.contains("points=\"23,13 23,13 \""), "{svg}");
        assert_eq!(svg.matches("<polyline").count(), 2);
    }

    #[test]
    fn a_picture_goes_before_strokes() {
        let both = Signature {
            strokes: vec![vec![[0, 0]]],
            image: Some("iVBORw0K".into()),
        };
        assert_eq!(
            html(&both),
            "<img alt=\"Signature\" src=\"data:image/png;base64,iVBORw0K\">"
        );
    }
}
