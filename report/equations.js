/* Equations of Kingma and Welling (2014), written in MathML. */
"use strict";

const PAPER = "https://arxiv.org/abs/1312.6114";

/** Returns an element of MathML. */
const makeMath = (tag, ...children) => {
  const made = document.createElementNS("http://www.w3.org/1998/Math/MathML", tag);
  made.append(...children);
  return made;
};

/** Returns an equation as MathML.

`_` and `^` set the next letter, number or {group} below or above; letters together are a word. */
function equation(text) {
  const tokens = text.match(/\p{L}+|\d+|\S/gu);
  const readGroup = () => {
    const nodes = [];
    while (tokens.length && tokens[0] !== "}") {
      const token = tokens.shift();
      if (token === "_" || token === "^") {
        const base = nodes.pop() ?? makeMath("mrow"), other = readOne(tokens.shift());
        if (token === "^" && base.localName === "msub") nodes.push(makeMath("msubsup", ...base.children, other));
        else nodes.push(makeMath(token === "_" ? "msub" : "msup", base, other));
      } else {
        nodes.push(readOne(token));
      }
    }
    return makeMath("mrow", ...nodes);
  };
  const readOne = (token) => {
    if (token === "{") {
      const group = readGroup();
      tokens.shift();
      return group;
    }
    if (token === "log") return makeMath("mi", "log\u2009");
    if (/^\p{L}/u.test(token)) return makeMath("mi", token);
    const made = makeMath(/^[\d½]/.test(token) ? "mn" : "mo", token);
    if (/[|‖()]/.test(token)) made.setAttribute("stretchy", "false");
    return made;
  };
  return makeMath("math", readGroup());
}

/** Returns a line with an equation, where the paper has it, and the file that computes it. */
function citeEquation(text, place, file) {
  const line = make("div", { class: "equation" });
  line.append(equation(text));
  const source = make("p", { class: "note" });
  source.append(make("a", { href: PAPER }, `Kingma and Welling (2014), ${place}`));
  if (file) source.append(" · ", make("code", {}, file));
  line.append(source);
  return line;
}
