// One picture changed little by little, and curves of what was measured along the way. Everything moves in the browser:
// the slider, the cursor over the chart and the arrow keys choose the same amount.

const LABELS = 170 // pixels to the right of a chart, for the names of its curves
const LINE = 14
const scrubs = new WeakMap()

export default function ({ data: [data], parentElement }) {
  let scrub = scrubs.get(parentElement)
  if (!scrub) {
    scrub = new Scrub(parentElement)
    scrubs.set(parentElement, scrub)
  }
  scrub.show(data)
  return () => {
    scrub.observer.disconnect()
    scrubs.delete(parentElement)
  }
}

class Scrub {
  constructor(parent) {
    this.root = parent.querySelector(".scrub")
    this.canvas = parent.querySelector("canvas")
    this.slider = parent.querySelector("input")
    this.amount = parent.querySelector(".amount")
    this.heads = parent.querySelector(".heads")
    this.chart = parent.querySelector("svg")
    this.picture = new Image()
    this.picture.onload = () => this.draw()
    this.slider.oninput = () => this.go(Number(this.slider.value))
    this.chart.onpointermove = (event) => this.point(event)
    this.chart.onpointerdown = (event) => this.point(event)
    this.observer = new ResizeObserver(() => this.draw())
    this.observer.observe(this.root)
  }

  show(data) {
    const other = !this.data || this.data.count !== data.count || this.data.label !== data.label
    this.data = data
    this.slider.max = data.count - 1
    this.slider.setAttribute("aria-label", data.label)
    this.chart.setAttribute("aria-label", data.panels.map((panel) => panel.title).join("; "))
    if (other) this.place = data.start
    this.slider.value = this.place
    if (this.picture.src !== data.sheet) this.picture.src = data.sheet
    this.draw()
  }

  go(place) {
    this.place = place
    this.slider.value = place
    this.draw()
  }

  point(event) {
    const box = this.chart.getBoundingClientRect()
    const share = (event.clientX - box.left - this.left) / this.across
    if (share > -0.05 && share < 1.05) {
      this.go(Math.max(0, Math.min(this.data.count - 1, Math.round(share * (this.data.count - 1)))))
    }
  }

  draw() {
    if (!this.data) return
    const { tileWidth, tileHeight, sheetColumns, amounts } = this.data
    this.amount.textContent = amounts[this.place]
    const heads = this.data.heads[this.place] ?? []
    this.root.classList.toggle("columns", heads.length > 1)
    this.heads.replaceChildren(...heads.map((words) => Object.assign(document.createElement("span"), { textContent: words })))
    this.slider.setAttribute("aria-valuetext", amounts[this.place])
    if (this.picture.complete && this.picture.naturalWidth) {
      this.canvas.width = tileWidth
      this.canvas.height = tileHeight
      this.canvas.classList.toggle("smooth", this.data.smooth)
      this.canvas.getContext("2d").drawImage(
        this.picture,
        (this.place % sheetColumns) * tileWidth, Math.floor(this.place / sheetColumns) * tileHeight,
        tileWidth, tileHeight, 0, 0, tileWidth, tileHeight,
      )
    }
    this.curves()
  }

  curves() {
    const width = this.chart.clientWidth
    const height = this.chart.clientHeight
    if (!width) return
    this.left = 34
    this.across = Math.max(60, width - this.left - LABELS)
    const heights = this.data.panels.map((panel) => panel.height)
    const whole = heights.reduce((sum, one) => sum + one, 0)
    const room = height - 22 - 44 * heights.length
    let top = 0
    const parts = []
    for (const panel of this.data.panels) {
      const high = (room * panel.height) / whole
      parts.push(this.panel(panel, top + 26, high))
      top += high + 44
    }
    // Where there is no room the words under the slider have to do.
    const marks = [[0, "start"], [this.data.start, "middle"], [this.data.count - 1, "end"]]
    const apart = Math.min(this.x(this.data.start) - this.x(0), this.x(this.data.count - 1) - this.x(this.data.start))
    const ends = this.across > 430 ? marks.filter(([, anchor]) => anchor !== "middle" || apart > LABELS) : []
    for (const [place, anchor] of ends) parts.push(text(this.x(place), height - 6, this.data.amounts[place], "quiet", anchor))
    parts.push(`<line class="hand" x1="${this.x(this.place)}" x2="${this.x(this.place)}" y1="22" y2="${height - 22}"/>`)
    this.chart.innerHTML = parts.join("")
  }

  x(place) {
    return this.left + (this.across * place) / Math.max(1, this.data.count - 1)
  }

  panel(panel, top, high) {
    const y = (value) => top + high * (1 - (value - panel.low) / (panel.high - panel.low || 1))
    const parts = [text(0, top - 10, panel.title, "title", "start")]
    for (const { value, text: words } of panel.ticks) {
      parts.push(`<line class="rule" x1="${this.left}" x2="${this.left + this.across}" y1="${y(value)}" y2="${y(value)}"/>`)
      parts.push(text(this.left - 6, y(value) + 4, words, "quiet", "end"))
    }
    const names = []
    panel.series.forEach((one, number) => {
      const share = panel.series.length > 1 ? number / (panel.series.length - 1) : 1
      const colour = `color-mix(in oklab, var(--st-primary-color) ${Math.round(100 * share)}%, light-dark(#b9b4aa, #6d6a66))`
      const known = one.values.map((value, place) => [place, value]).filter(([, value]) => value !== null)
      const path = known.map(([place, value], index) => `${index ? "L" : "M"}${this.x(place)} ${y(value)}`)
      parts.push(`<path d="${path.join("")}" style="stroke:${colour}"/>`)
      const here = one.values[this.place]
      if (here !== null) parts.push(`<circle cx="${this.x(this.place)}" cy="${y(here)}" r="3.2" style="fill:${colour}"/>`)
      const end = known.length ? known[known.length - 1][1] : panel.low
      names.push({ y: y(here ?? end), text: `${one.name}  ${one.texts[this.place]}`, colour })
    })
    // Names keep the order of what they name and stay a line apart.
    names.sort((one, other) => one.y - other.y)
    names.forEach((name, index) => { name.y = Math.max(name.y, index ? names[index - 1].y + LINE : top) })
    for (let index = names.length - 1, low = top + high + 8; index >= 0; index--) {
      names[index].y = Math.min(names[index].y, low)
      low = names[index].y - LINE
    }
    for (const name of names) {
      parts.push(`<circle cx="${this.left + this.across + 12}" cy="${name.y - 4}" r="3.2" style="fill:${name.colour}"/>`)
      parts.push(text(this.left + this.across + 20, name.y, name.text, "", "start"))
    }
    return parts.join("")
  }
}

function text(x, y, words, kind, anchor) {
  const safe = words.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
  return `<text x="${x}" y="${y}" class="${kind}" text-anchor="${anchor}">${safe}</text>`
}
