// The live toolbox: a picture is grabbed, sent to the session's stream, and what the network made of it is drawn. Keys
// act at once; Python hears of a unit or a way back once the keys rest. Of the pictures under way the newest counts.

const KEYS_REST = 500 // milliseconds
const UNDER_WAY = 2 // pictures: one on its way while the one before is looked at
const OVER_SO_LONG = 2000 // milliseconds that the rate is counted over
const GAP = 2
const HINT = 112 // pixels that a picture of the atlas is wide
const RECORDED = 10000 // milliseconds of a film
const FILMS = ["video/mp4", "video/webm;codecs=vp9", "video/webm"]
const GAMMAS = [0.5, 0.3, 1] // the first is the usual one: most cells of most channels are faint
const boxes = new WeakMap()

export default function ({ data, parentElement, setTriggerValue }) {
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

class Toolbox {
  constructor(parent) {
    this.root = parent.querySelector(".toolbox")
    for (const name of ["seen", "says", "answers", "earlier", "later", "grid", "ring", "hover", "place", "unit", "unit-name", "right", "back", "back-name", "rate", "record", "ask", "keys", "caption", "hint", "words", "wish", "wished"])
      this[name] = parent.querySelector(`.${name}`)
    this.video = parent.querySelector("video")
    this.list = parent.querySelector("select")
    this.sources = [...parent.querySelectorAll("[data-source]")]
    this.photographs = new Image()
    this.sent = this.drawn = this.underWay = this.gamma = 0
    this.times = []
    this.boosted = this.frozen = false
    this.source = "clip"
    this.began = performance.now()
    for (const one of this.sources) if (one.tagName === "BUTTON") one.onclick = () => this.choose(one.dataset.source)
    parent.querySelector("input").onchange = (event) => this.choose("film", event.target.files[0])
    this.earlier.onclick = () => this.walk(-1)
    this.later.onclick = () => this.walk(1)
    this.list.onchange = () => this.enter(this.list.selectedIndex)
    this.ask.onclick = () => this.help()
    this.record.onclick = () => this.roll()
    this.grid.onclick = (event) => this.go(this.channelAt(event))
    this.grid.onpointermove = (event) => this.point(this.channelAt(event))
    this.grid.onpointerleave = () => this.point(null)
    this.listener = (event) => this.key(event)
    window.addEventListener("keydown", this.listener)
    this.observer = new ResizeObserver(() => this.drawChannels())
    this.observer.observe(this.grid.parentElement)
    this.timer = requestAnimationFrame(() => this.tick())
    if (document.activeElement === document.body) this.root.focus({ preventScroll: true })
  }

  close() {
    cancelAnimationFrame(this.timer)
    clearTimeout(this.rest)
    this.recorder?.stop()
    window.removeEventListener("keydown", this.listener)
    this.observer.disconnect()
    this.release()
    this.address = null
  }

  show(data) {
    const before = this.data
    this.data = data
    this.address = data.address
    if (!before || before.address !== data.address) {
      this.list.replaceChildren(...data.layers.map((layer) => new Option(layer.title, layer.name)))
      this.seen.width = this.seen.height = data.side
      this.seen.classList.toggle("whole", data.side <= 128)
      this.back.classList.toggle("whole", data.side <= 128)
      this.ramps = Object.fromEntries(Object.entries(data.ramps).map(([name, ramp]) => [name, bytes(ramp)]))
      this.keys.replaceChildren(...data.keys.flatMap(([keys, what]) => [element("dt", keys), element("dd", what)]))
      this.note = null
    }
    if (this.photographs.src !== data.clip.sheet) this.photographs.src = data.clip.sheet
    // What Python says counts where it says something new; else the reader may be further on already.
    if (!before || before.layer !== data.layer || before.channel !== data.channel || before.address !== data.address)
      if (data.layer === this.told?.layer && data.channel === this.told?.channel) this.told = null
      else this.at(data.layer, data.channel)
    if (!before || before.back !== data.back) this.way = data.back
    this.asked()
    for (const one of this.sources) one.classList.toggle("on", one.dataset.source === this.source)
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

  help() {
    this.keys.hidden = !this.keys.hidden
    this.ask.setAttribute("aria-expanded", String(!this.keys.hidden))
  }

  // Where pictures come from

  async choose(source, file) {
    this.release()
    this.says.textContent = ""
    const { notLent, refused, unplayable } = this.data.words
    try {
      if (source === "camera") {
        if (!navigator.mediaDevices?.getUserMedia) throw notLent
        const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } }).catch(() => { throw refused })
        if (!this.address) return camera.getTracks().forEach((track) => track.stop())
        this.video.srcObject = camera
        await this.video.play()
      } else if (source === "film") {
        if (!file) return
        this.film = URL.createObjectURL(file)
        this.video.src = this.film
        await this.video.play().catch(() => { throw unplayable })
      }
      this.source = source
    } catch (why) {
      this.release()
      this.source = "clip"
      this.says.textContent = typeof why === "string" ? why : refused
    }
    for (const one of this.sources) one.classList.toggle("on", one.dataset.source === this.source)
  }

  release() {
    this.video.srcObject?.getTracks().forEach((track) => track.stop())
    this.video.srcObject = null
    if (this.film) {
      this.video.removeAttribute("src")
      this.video.load()
      URL.revokeObjectURL(this.film)
    }
    this.film = null
  }

  // Draw the middle square of the source as the network is shown it; whether there was anything to draw.
  grab() {
    const brush = this.seen.getContext("2d")
    const side = this.data.side
    brush.imageSmoothingQuality = "high"
    if (this.source === "clip") {
      if (!this.photographs.complete || !this.photographs.naturalWidth) return false
      const { windows, aSecond, columns, side: edge } = this.data.clip
      const [picture, left, top, part] = windows[Math.floor(((performance.now() - this.began) / 1000) * aSecond) % windows.length]
      const x = (picture % columns) * edge
      const y = Math.floor(picture / columns) * edge
      brush.drawImage(this.photographs, x + left * edge, y + top * edge, part * edge, part * edge, 0, 0, side, side)
      return true
    }
    const { videoWidth: width, videoHeight: height } = this.video
    if (!width || this.video.readyState < 2) return false
    const edge = Math.min(width, height)
    brush.drawImage(this.video, (width - edge) / 2, (height - edge) / 2, edge, edge, 0, 0, side, side)
    return true
  }

  // There and back

  tick() {
    this.timer = requestAnimationFrame(() => this.tick())
    if (!this.data || document.hidden || this.underWay >= UNDER_WAY) return
    if (this.frozen ? !this.changed : !this.grab()) return
    this.changed = false
    this.ask_about()
  }

  async ask_about() {
    const { address } = this
    const number = ++this.sent
    const began = performance.now()
    this.underWay++
    try {
      const picture = await new Promise((done) => this.seen.toBlob(done, "image/jpeg", 0.9))
      const unit = `${this.layer.name}:${this.channel}`
      const query = new URLSearchParams({ unit, back: this.way, boosted: this.boosted ? 1 : 0 })
      const answer = await fetch(`${address}?${query}`, { method: "POST", body: picture })
      if (address !== this.address || answer.status === 204) return
      if (!answer.ok) {
        this.says.textContent = await answer.text()
        await new Promise((done) => setTimeout(done, 1000))
        return
      }
      await this.take(await answer.arrayBuffer(), number, unit)
      this.count(began)
    } catch {
      await new Promise((done) => setTimeout(done, 1000)) // the server is away; it is asked again
    } finally {
      this.underWay--
    }
  }

  async take(message, number, unit) {
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

  count(began) {
    const now = performance.now()
    this.times.push({ now, took: now - began })
    this.times = this.times.filter((one) => now - one.now < OVER_SO_LONG)
    const took = this.times.map((one) => one.took).sort((one, other) => one - other)
    const span = Math.max(now - this.times[0].now, 1)
    const rate = this.times.length > 1 ? Math.round(((this.times.length - 1) * 1000) / span) : 1
    const delay = Math.round(took[Math.floor(took.length / 2)])
    Object.assign(this.root.dataset, { rate, delay })
    this.rate.textContent = `${rate} ${rate === 1 ? 'frame' : 'frames'} a second, each ${delay} ms from the picture to what you see`
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
    this.answers.replaceChildren(...this.note.answers.map(([label, share, text]) => {
      const row = element("div", "")
      row.className = "answer"
      const track = element("span", "")
      track.className = "track"
      track.append(element("i", ""))
      track.firstChild.style.width = `${100 * share}%`
      row.append(element("span", label), track, element("span", text))
      return row
    }))
    this.screen?.()
  }

  // The screen as a film: what is drawn is drawn once more on one canvas, which the browser itself encodes.

  roll() {
    if (this.recorder) return this.recorder.stop()
    const kind = FILMS.find((one) => window.MediaRecorder?.isTypeSupported(one))
    if (!kind || !this.note) return void (this.says.textContent = kind ? "" : this.data.words.unrecorded)
    const canvas = document.createElement("canvas")
    Object.assign(canvas, { width: 1280, height: 560 })
    const parts = []
    this.screen = () => this.drawScreen(canvas.getContext("2d"))
    this.screen()
    const recorder = (this.recorder = new MediaRecorder(canvas.captureStream(), { mimeType: kind, videoBitsPerSecond: 6e6 }))
    recorder.ondataavailable = ({ data }) => parts.push(data)
    recorder.onstop = () => {
      clearTimeout(this.reel)
      this.recorder = this.screen = null
      this.record.classList.remove("on")
      this.record.textContent = "Record ten seconds"
      save(new Blob(parts, { type: kind }), `toolbox.${kind.startsWith("video/mp4") ? "mp4" : "webm"}`)
    }
    recorder.start()
    this.record.classList.add("on")
    this.record.textContent = "Recording: stop"
    this.reel = setTimeout(() => recorder.stop(), RECORDED)
  }

  drawScreen(brush) {
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

function save(file, name) {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(file)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60000)
}

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
}

function element(kind, words) {
  const made = document.createElement(kind)
  made.textContent = words
  return made
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
