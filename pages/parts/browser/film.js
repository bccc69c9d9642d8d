// A training as a film: every picture of every moment is here already, and a slider, the arrow keys or Play choose the
// moment. Points go from where they lie at one moment to where they lie at the next; all else changes with them.

const A_MOMENT = 1300 // milliseconds that a moment is shown while the film plays
const TWEEN = 350 // milliseconds from one moment to another by hand
const NEAR = 14 // pixels from the cursor to a point that it means
const films = new WeakMap()

export default function ({ data: [data], parentElement }) {
  let film = films.get(parentElement)
  if (!film) {
    film = new Film(parentElement)
    films.set(parentElement, film)
  }
  film.show(data)
  return () => {
    film.close()
    films.delete(parentElement)
  }
}

class Film {
  constructor(parent) {
    this.root = parent.querySelector(".film")
    for (const name of ["play", "said", "filters", "filters-name", "maps", "maps-name", "evidence", "evidence-name", "evidence-said", "answers", "cloud", "cloud-name", "spoken", "history", "history-name"])
      this[name] = parent.querySelector(`.${name}`)
    this.slider = parent.querySelector("input")
    this.slider.oninput = () => this.stop() || this.go(Number(this.slider.value), TWEEN)
    this.play.onclick = () => (this.playing ? this.stop() : this.start())
    this.cloud.onpointermove = (event) => this.hover(event)
    this.cloud.onpointerleave = () => (this.spoken.textContent = this.data.cloud.note)
    this.observer = new ResizeObserver(() => this.draw())
    this.observer.observe(this.root)
  }

  close() {
    this.stop()
    cancelAnimationFrame(this.request)
    this.observer.disconnect()
  }

  show(data) {
    const other = !this.data || this.data.said.length !== data.said.length
    this.data = data
    this.slider.max = data.said.length - 1
    this.slider.setAttribute("aria-label", data.label)
    if (other) this.place = this.at = data.start
    this.sheets = { filters: this.loaded(data.filters.sheets, this.sheets?.filters), maps: this.loaded(data.maps.sheets, this.sheets?.maps) }
    for (const name of ["filters", "maps", "evidence", "cloud", "history"]) this[`${name}-name`].textContent = data[name].title
    this.points = data.cloud.points ? new Float32Array(bytes(data.cloud.points).buffer) : null
    this.spoken.textContent = data.cloud.note
    this.evidence.classList.toggle("smooth", data.evidence.smooth)
    this.show_moment()
    this.draw()
  }

  // Pictures by their addresses; those that are here already stay.
  loaded(addresses, before = []) {
    return addresses.map((address, number) => {
      if (before[number]?.src === address) return before[number]
      const picture = new Image()
      picture.onload = () => this.show_moment()
      picture.src = address
      return picture
    })
  }

  start() {
    this.playing = true
    this.play.textContent = "Pause"
    this.play.setAttribute("aria-pressed", "true")
    const last = this.data.said.length - 1
    if (this.place === last) this.go(0, TWEEN)
    const next = () => {
      if (this.place === last) return this.stop()
      this.go(this.place + 1, A_MOMENT * 0.7)
      this.timer = setTimeout(next, A_MOMENT)
    }
    this.timer = setTimeout(next, A_MOMENT / 2)
  }

  stop() {
    this.playing = false
    clearTimeout(this.timer)
    this.play.textContent = "Play"
    this.play.setAttribute("aria-pressed", "false")
  }

  // Go to a moment: its pictures at once, its points and the mark in the history on their way there.
  go(place, milliseconds) {
    this.place = place
    this.show_moment()
    cancelAnimationFrame(this.request)
    const from = this.at
    const began = performance.now()
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches
    const step = (now) => {
      const share = still ? 1 : Math.min(1, Math.max(0, now - began) / milliseconds)
      this.at = from + (place - from) * share * share * (3 - 2 * share)
      this.draw()
      if (share < 1) this.request = requestAnimationFrame(step)
    }
    this.request = requestAnimationFrame(step)
  }

  show_moment() {
    const { said, filters, maps, evidence, answers } = this.data
    const place = this.place
    this.slider.value = place
    this.slider.setAttribute("aria-valuetext", said[place])
    this.said.textContent = said[place]
    tiles(this.filters, this.sheets.filters[place], filters)
    tiles(this.maps, this.sheets.maps[place], maps)
    if (this.evidence.src !== evidence.pictures[place]) this.evidence.src = evidence.pictures[place]
    this.evidence.alt = `${evidence.title}, ${said[place]}`
    this["evidence-said"].textContent = evidence.said[place]
    this.answers.replaceChildren(...answers[place].map(([label, share, text, chosen]) => {
      const row = element("div", chosen ? "answer chosen" : "answer", "")
      const track = element("span", "track", "")
      track.append(element("i", "", ""))
      track.firstChild.style.width = `${100 * share}%`
      row.append(element("span", "", label), element("span", "share", text), track)
      return row
    }))
  }

  draw() {
    if (!this.data) return
    this.draw_cloud()
    this.draw_history()
  }

  draw_cloud() {
    const width = this.cloud.clientWidth
    const height = this.cloud.clientHeight
    if (!width) return
    const ratio = window.devicePixelRatio || 1
    this.cloud.width = width * ratio
    this.cloud.height = height * ratio
    this.seen = []
    if (!this.points) return
    const brush = this.cloud.getContext("2d")
    brush.scale(ratio, ratio)
    const { kinds, colours } = this.data.cloud
    const from = Math.floor(this.at)
    const share = this.at - from
    const to = Math.min(from + 1, this.data.said.length - 1)
    const side = Math.min(width, height) - 24
    const [left, top] = [(width - side) / 2, (height - side) / 2]
    const value = (moment, number, axis) => this.points[(moment * kinds.length + number) * 2 + axis]
    brush.globalAlpha = 0.85
    for (let number = 0; number < kinds.length; number++) {
      const [x, y] = [0, 1].map((axis) => value(from, number, axis) * (1 - share) + value(to, number, axis) * share)
      const spot = [left + side * x, top + side * (1 - y)]
      this.seen.push(spot)
      brush.fillStyle = colours[kinds[number]]
      brush.beginPath()
      brush.arc(...spot, 4, 0, 7)
      brush.fill()
    }
  }

  hover(event) {
    let [best, distance] = [null, NEAR * NEAR]
    this.seen?.forEach(([x, y], number) => {
      const far = (x - event.offsetX) ** 2 + (y - event.offsetY) ** 2
      if (far < distance) [best, distance] = [number, far]
    })
    this.spoken.textContent = best === null ? this.data.cloud.note : this.data.cloud.captions[best]
  }

  draw_history() {
    const { epochs, curves, marks } = this.data.history
    const width = this.history.clientWidth
    if (!width || !epochs.length) return
    const [left, right, top, height] = [30, 92, 12, 210]
    const across = width - left - right
    const last = epochs[epochs.length - 1]
    const x = (epoch) => left + (across * epoch) / last
    const parts = []
    const names = []
    curves.forEach((curve, number) => {
      const y = (value) => top + height * (1 - value / curve.most)
      const colour = number ? "light-dark(#8d8779, #8f8b85)" : "var(--st-primary-color)"
      const path = curve.values.map((value, place) => `${place ? "L" : "M"}${x(epochs[place])} ${y(value)}`).join("")
      parts.push(`<path d="${path}" style="stroke:${colour}"/>`)
      names.push([y(curve.values[curve.values.length - 1]), curve.name, colour])
    })
    for (const [y, name, colour] of names)
      parts.push(`<circle cx="${left + across + 10}" cy="${y}" r="3.2" style="fill:${colour}"/>`, text(left + across + 18, y + 4, name, "", "start"))
    for (const share of [0, 0.5, 1]) {
      const y = top + height * (1 - share)
      parts.push(`<line class="rule" x1="${left}" x2="${left + across}" y1="${y}" y2="${y}"/>`, text(left - 6, y + 4, `${100 * share}`, "quiet", "end"))
    }
    const from = Math.floor(this.at)
    const to = Math.min(from + 1, marks.length - 1)
    const hand = x(marks[from] + (marks[to] - marks[from]) * (this.at - from))
    parts.push(`<line class="hand" x1="${hand}" x2="${hand}" y1="${top}" y2="${top + height}"/>`)
    parts.push(text(left, top + height + 20, "0", "quiet", "middle"), text(x(last), top + height + 20, `epoch ${last}`, "quiet", "end"))
    this.history.innerHTML = parts.join("")
  }
}

// The small pictures of a sheet in about a square, whole pixels, with a gap between them.
function tiles(canvas, sheet, { count, columns, width, height }) {
  if (!sheet.complete || !sheet.naturalWidth) return
  const across = Math.ceil(Math.sqrt(count))
  const rows = Math.ceil(count / across)
  const scale = Math.max(1, Math.round(560 / (across * width)))
  const gap = Math.max(1, Math.round(scale * width * 0.06))
  canvas.width = across * (width * scale + gap) - gap
  canvas.height = rows * (height * scale + gap) - gap
  const brush = canvas.getContext("2d")
  brush.imageSmoothingEnabled = false
  for (let number = 0; number < count; number++)
    brush.drawImage(
      sheet, (number % columns) * width, Math.floor(number / columns) * height, width, height,
      (number % across) * (width * scale + gap), Math.floor(number / across) * (height * scale + gap), width * scale, height * scale,
    )
}

function bytes(words) {
  return Uint8Array.from(atob(words), (letter) => letter.charCodeAt(0))
}

function element(kind, name, words) {
  const made = document.createElement(kind)
  made.className = name
  made.textContent = words
  return made
}

function text(x, y, words, kind, anchor) {
  const safe = words.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
  return `<text x="${x}" y="${y}" class="${kind}" text-anchor="${anchor}">${safe}</text>`
}
