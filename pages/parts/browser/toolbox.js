// The live toolbox: what the network made of every live picture is drawn. Keys act at once; Python hears of a unit or a
// way back once the keys rest.

const KEYS_REST = 500 // milliseconds
const GAP = 2
const HINT = 112 // pixels that a picture of the atlas is wide
const GAMMAS = [0.5, 0.3, 1] // the first is the usual one: most cells of most channels are faint
const boxes = new WeakMap()

export default function ({ data: [data], parentElement, setTriggerValue }) {
  let box = boxes.get(parentElement)
  if (!box) {
    box = new Toolbox(parentElement)
    boxes.set(parentElement, box)
  }
  box.tell = setTriggerValue
  box.show(data)
  return () => {
    box.close()
    boxes.delete(parentElement)
  }
}

class Toolbox extends Live {
  constructor(parent) {
    super(parent.querySelector(".toolbox"), "toolbox", { width: 1280, height: 560 })
    for (const name of ["earlier", "later", "grid", "ring", "hover", "place", "unit", "unit-name", "right", "back", "back-name", "ask", "keys", "caption", "hint", "words", "wish", "wished"])
      this[name] = parent.querySelector(`.${name}`)
    this.list = parent.querySelector("select")
    this.titles = parent.querySelectorAll(".title")
    this.answers = parent.querySelectorAll(".answers")
    this.gamma = 0
    this.boosted = false
    this.earlier.onclick = () => this.walk(-1)
    this.later.onclick = () => this.walk(1)
    this.list.onchange = () => this.enter(this.list.selectedIndex)
    this.ask.onclick = () => this.help()
    this.grid.onclick = (event) => this.go(this.channelAt(event))
    this.grid.onpointermove = (event) => this.point(this.channelAt(event))
    this.grid.onpointerleave = () => this.point(null)
    this.listener = (event) => this.key(event)
    window.addEventListener("keydown", this.listener)
    this.observer = new ResizeObserver(() => this.drawChannels())
    this.observer.observe(this.grid.parentElement)
    if (document.activeElement === document.body) this.root.focus({ preventScroll: true })
  }

  close() {
    clearTimeout(this.rest)
    window.removeEventListener("keydown", this.listener)
    this.observer.disconnect()
    super.close()
  }

  show(data) {
    const before = this.data
    this.begin(data)
    if (!before || before.address !== data.address) {
      this.list.replaceChildren(...data.layers.map((layer) => new Option(layer.title, layer.name)))
      this.seen.classList.toggle("whole", data.side <= 128)
      this.back.classList.toggle("whole", data.side <= 128)
      this.ramps = Object.fromEntries(Object.entries(data.ramps).map(([name, ramp]) => [name, bytes(ramp)]))
      this.keys.replaceChildren(...data.keys.flatMap(([keys, what]) => [element("dt", keys), element("dd", what)]))
      this.titles.forEach((title, place) => (title.textContent = data.titles[place] ?? ""))
      this.note = null
    }
    // What Python says counts where it says something new; else the reader may be further on already.
    if (!before || before.layer !== data.layer || before.channel !== data.channel || before.address !== data.address)
      if (data.layer === this.told?.layer && data.channel === this.told?.channel) this.told = null
      else this.at(data.layer, data.channel)
    if (!before || before.back !== data.back) this.way = data.back
    this.asked()
  }

  // What is asked

  at(layer, channel) {
    const index = Math.max(0, this.data.layers.findIndex((one) => one.name === layer))
    this.layer = this.data.layers[index]
    this.channel = Math.min(channel, this.layer.channels - 1)
    this.list.selectedIndex = index
  }

  asked() {
    this.changed = true // also where the picture is frozen
    this.right.classList.toggle("one", this.way === "off")
    this["unit-name"].textContent = this.called(this.channel)
    this.preload()
    this.wish.style.display = this.atlas(this.wished, this.channel) ? "" : "none"
    this.wished.ariaLabel = `what ${this.called(this.channel)} wants to see`
    this.wished.nextElementSibling.textContent = `${this.called(this.channel)}: what it wants to see`
    this.nameBack()
    this.frame(this.ring, this.channel)
  }

  nameBack() {
    const evidence = `Grad-CAM: evidence for ${this.note?.about || "its best answer"}`
    this["back-name"].textContent = { gradient: "its gradient, as colour on grey", "Grad-CAM": evidence }[this.way] ?? `its ${this.way}`
  }

  // What channels want to see, from the atlas: a layer's sheet is fetched before a hover asks for it.

  preload() {
    const sheet = this.data.hints[this.layer.name]?.sheet
    if (!sheet || this.coming?.src.endsWith(sheet)) return
    this.coming = new Image()
    this.coming.src = sheet
  }

  // Draw what a channel wants to see as the ground of a square; whether the atlas shows it.
  atlas(square, channel) {
    const hint = this.data.hints[this.layer.name]
    if (!hint) return false
    square.style.backgroundImage = `url("${hint.sheet}")`
    square.style.backgroundSize = `${HINT * hint.columns}px auto`
    square.style.backgroundPosition = `${-HINT * (channel % hint.columns)}px ${-HINT * Math.floor(channel / hint.columns)}px`
    return true
  }

  point(channel) {
    this.frame(this.hover, channel)
    const shown = this.hover.style.display !== "none"
    this.caption.style.display = shown ? "block" : "none"
    if (!shown) return
    this.words.textContent = this.called(channel)
    this.hint.style.display = this.atlas(this.hint, channel) ? "block" : "none"
    const room = this.grid.parentElement.clientWidth - this.caption.offsetWidth
    const { offsetLeft: left, offsetTop: top, offsetHeight: high } = this.hover
    const above = top - this.caption.offsetHeight - 5
    this.caption.style.left = `${Math.max(0, Math.min(left, room))}px`
    this.caption.style.top = `${above >= 0 ? above : top + high + 5}px`
  }

  called(channel) {
    return this.layer.name === "scores" ? this.data.classes[channel] : `channel ${channel}`
  }

  go(channel) {
    if (channel === null || channel < 0 || channel >= this.layer.channels) return
    this.channel = channel
    this.moved()
  }

  enter(index) {
    if (index < 0 || index >= this.data.layers.length) return
    this.at(this.data.layers[index].name, this.channel)
    this.moved()
  }

  walk(step) {
    this.enter(this.list.selectedIndex + step)
  }

  moved() {
    this.asked()
    clearTimeout(this.rest)
    this.rest = setTimeout(() => {
      this.told = { layer: this.layer.name, channel: this.channel }
      this.tell("picked", `${this.layer.name}:${this.channel}`)
    }, KEYS_REST)
  }

  key(event) {
    const over = event.composedPath()
    const here = over.includes(this.root)
    const writing = over.some((one) => one.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(one.tagName))
    if (writing || event.ctrlKey || event.metaKey || event.altKey || !(here || over[0] === document.body)) return
    const across = this.note?.columns ?? 1
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key]
    const acts = {
      u: () => this.walk(-1),
      o: () => this.walk(1),
      b: () => this.turn(),
      s: () => this.pattern(),
      f: () => this.root.classList.toggle("frozen", (this.frozen = !this.frozen)),
      t: () => {
        this.gamma = (this.gamma + 1) % GAMMAS.length
        this.drawAll()
      },
      n: () => {
        this.boosted = !this.boosted
        this.asked()
      },
      r: () => this.roll(),
      "?": () => this.help(),
    }
    if (step !== undefined && here) this.go(this.channel + step)
    else if (acts[event.key] && step === undefined) acts[event.key]()
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  turn() {
    const { ways } = this.data
    this.way = ways[(ways.indexOf(this.way) + 1) % ways.length]
    this.asked()
    this.tell("turned", this.way)
  }

  pattern() {
    const { patterns, allPatterns } = this.data
    this.data.patterns = allPatterns[(allPatterns.indexOf(patterns) + 1) % allPatterns.length]
    this.tell("patterns", this.data.patterns)
  }

  help() {
    this.keys.hidden = !this.keys.hidden
    this.ask.setAttribute("aria-expanded", String(!this.keys.hidden))
  }

  // There and back

  question() {
    return { unit: `${this.layer.name}:${this.channel}`, back: this.way, boosted: this.boosted ? 1 : 0 }
  }

  async take(message, number, { unit }) {
    const length = new DataView(message).getUint32(0, true)
    const note = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, length)))
    let start = 4 + length
    const files = note.lengths.map((size) => {
      const part = new Blob([new Uint8Array(message, start, size)])
      start += size
      return size ? createImageBitmap(part) : null
    })
    const [sheet, map, back] = await Promise.all(files)
    if (number < this.drawn || !this.address || unit.slice(0, unit.lastIndexOf(":")) !== this.layer.name) return
    this.drawn = number
    this.note = note
    this.pictures = { sheet: greys(sheet), map: greys(map), back }
    this.drawAll()
  }

  // What is drawn

  drawAll() {
    if (!this.note) return
    this.colours = toned(this.ramps[this.note.signed ? "signed" : "grey"], this.note.signed, GAMMAS[this.gamma])
    this.drawChannels()
    const { map, back } = this.pictures
    this.unit.width = map.width
    this.unit.height = map.height
    this.unit.getContext("2d").putImageData(coloured(map, this.colours), 0, 0)
    if (back) {
      this.back.width = back.width
      this.back.height = back.height
      this.back.getContext("2d").drawImage(back, 0, 0)
    }
    this.nameBack()
    this.answers[0].replaceChildren(...this.note.answers.map(bar))
    this.answers[1].replaceChildren(...this.note.others.map(bar))
    this.screen?.()
  }

  drawScreen(brush) {
    if (!this.note) return
    const style = getComputedStyle(this.root)
    const [ink, paper] = [style.color, style.getPropertyValue("--st-background-color") || "white"]
    brush.fillStyle = paper
    brush.fillRect(0, 0, 1280, 560)
    const put = (canvas, x, y, most) => {
      if (!canvas.width || !canvas.height) return
      const scale = most / Math.max(canvas.width, canvas.height)
      brush.imageSmoothingEnabled = scale < 1
      brush.drawImage(canvas, x, y, canvas.width * scale, canvas.height * scale)
    }
    put(this.seen, 16, 16, 300)
    put(this.grid, 340, 16, 500)
    put(this.unit, 870, 16, 240)
    if (this.way !== "off") put(this.back, 870, 290, 240)
    brush.fillStyle = ink
    brush.font = `16px ${style.fontFamily}`
    this.note.answers.forEach(([label, , text], row) => brush.fillText(`${text}  ${label}`, 16, 350 + 26 * row, 300))
    brush.fillText(`${this.layer.title}`, 340, 545, 500)
    brush.fillText(this.called(this.channel), 870, 278, 380)
    if (this.way !== "off") brush.fillText(this["back-name"].textContent, 870, 550, 400)
  }

  drawChannels() {
    if (!this.note) return
    const { count, columns, size, cell, first } = this.note
    const ratio = window.devicePixelRatio || 1
    const width = this.grid.parentElement.clientWidth
    const side = Math.max(4, Math.floor((width - (columns - 1) * GAP) / columns))
    const high = Math.max(4, Math.round((side * size[0]) / size[1]))
    const rows = Math.ceil(count / columns)
    this.cells = { side, high, columns, first, count }
    this.grid.width = (columns * (side + GAP) - GAP) * ratio
    this.grid.height = (rows * (high + GAP) - GAP) * ratio
    this.grid.style.width = `${columns * (side + GAP) - GAP}px`
    this.grid.style.height = `${rows * (high + GAP) - GAP}px`
    const drawn = new OffscreenCanvas(this.pictures.sheet.width, this.pictures.sheet.height)
    drawn.getContext("2d").putImageData(coloured(this.pictures.sheet, this.colours), 0, 0)
    const brush = this.grid.getContext("2d")
    brush.scale(ratio, ratio)
    brush.imageSmoothingEnabled = size[1] > side * ratio
    for (let place = 0; place < count; place++) {
      const across = place % columns
      const down = Math.floor(place / columns)
      brush.drawImage(
        drawn, across * cell[1], down * cell[0], size[1], size[0], across * (side + GAP), down * (high + GAP), side, high,
      )
    }
    const last = first + count - 1
    const all = this.layer.channels
    this.place.textContent = count < all ? `channels ${first} to ${last} of ${all}; the arrows go on` : `${all} channels`
    this.frame(this.ring, this.channel)
  }

  frame(box, channel) {
    const place = channel === null || !this.cells ? -1 : channel - this.cells.first
    box.style.display = place >= 0 && place < (this.cells?.count ?? 0) ? "block" : "none"
    if (box.style.display === "none") return
    const { side, high, columns } = this.cells
    box.style.left = `${(place % columns) * (side + GAP)}px`
    box.style.top = `${Math.floor(place / columns) * (high + GAP)}px`
    box.style.width = `${side}px`
    box.style.height = `${high}px`
  }

  channelAt(event) {
    if (!this.cells) return null
    const { side, high, columns, first, count } = this.cells
    const column = Math.floor(event.offsetX / (side + GAP))
    const place = Math.floor(event.offsetY / (high + GAP)) * columns + column
    return column < columns && place < count ? first + place : null
  }
}

// An answer, and its probability as a bar.
function bar([label, share, text]) {
  const row = element("div", "")
  row.className = "answer"
  const track = element("span", "")
  track.className = "track"
  track.append(element("i", ""))
  track.firstChild.style.width = `${100 * share}%`
  row.append(element("span", label), track, element("span", text))
  return row
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
}

// A grey picture as one byte a pixel.
function greys(bitmap) {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height)
  const brush = canvas.getContext("2d", { willReadFrequently: true })
  brush.drawImage(bitmap, 0, 0)
  const { data } = brush.getImageData(0, 0, bitmap.width, bitmap.height)
  const levels = new Uint8Array(data.length / 4)
  for (let place = 0; place < levels.length; place++) levels[place] = data[4 * place]
  return { levels, width: bitmap.width, height: bitmap.height }
}

function coloured({ levels, width, height }, colours) {
  const picture = new ImageData(width, height)
  const pixels = new Uint32Array(picture.data.buffer)
  for (let place = 0; place < levels.length; place++) pixels[place] = colours[levels[place]]
  return picture
}

// A ramp of 256 colours in which what is faint is brought out: the distance from zero to the power of gamma.
function toned(ramp, signed, gamma) {
  const colours = new Uint32Array(ramp.slice().buffer)
  if (gamma === 1) return colours
  return colours.map((_, level) => {
    const value = signed ? (level - 128) / 127 : level / 255
    const lifted = Math.sign(value) * Math.min(1, Math.abs(value) ** gamma)
    return colours[Math.max(0, Math.min(255, Math.round(signed ? 128 + 127 * lifted : 255 * lifted)))]
  })
}
