// Elements.  Every text becomes a text node: nothing here parses HTML.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
	for (const [name, value] of Object.entries(attributes ?? {})) {
		if (value === null || value === undefined || value === false) {
			continue;
		}
		if (name.startsWith('on')) {
			element.addEventListener(name.slice(2), value);
		} else if (name === 'style') {
			for (const [property, text] of Object.entries(value)) {
				element.style.setProperty(property, text);
			}
		} else if (name === 'value' || name === 'checked' || name === 'selected') {
			element[name] = value;
		} else {
			element.setAttribute(name, value === true ? '' : value);
		}
	}
	append(element, children);
	return element;
}

export function append(element, ...children) {
	for (const child of children.flat(Infinity)) {
		if (child !== null && child !== undefined && child !== false) {
			element.append(child instanceof Node ? child : String(child));
		}
	}
	return element;
}

/** h('p', { class: 'muted' }, 'text', child, …) */
export function h(tag, attributes, ...children) {
	return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes, ...children) {
	return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Put other children into an element. */
export function replace(element, ...children) {
	element.replaceChildren();
	return append(element, ...children);
}
