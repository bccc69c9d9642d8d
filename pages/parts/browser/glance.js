// Pictures for a moment each: a cross to look at, the picture, masks, and an answer by one of two keys. Only drawing and
// timing happen here; which picture comes when, Python has drawn by lot. It hears of the answers once, at the end.

const CROSS = 700 // milliseconds to look at the cross
const MASK = 20 // milliseconds that one mask stays
const PATIENCE = 3000 // milliseconds for an answer
const REST = 300 // milliseconds between an answer and the next cross
const HALF_A_FRAME = 8 // milliseconds: the frame nearest to the wanted end is the last
const glances = new WeakMap()

export default function ({ data: [data], parentElement, setTriggerValue }) {
  let glance = glances.get(parentElement)
  if (!glance) {
    glance = new Glance(parentElement)
    glances.set(parentElement, glance)
  }
  glance.tell = (answered) => setTriggerValue("answered", answered)
  glance.show(data)
  return () => {
    glance.close()
    glances.delete(parentElement)
  }
}

class Glance {
  constructor(parent) {
    this.root = parent.querySelector(".glance")
    for (const name of ["told", "first", "second", "start"]) this[name] = parent.querySelector(`.${name}`)
    this.canvas = parent.querySelector("canvas")
    this.brush = this.canvas.getContext("2d")
    this.start.onclick = () => this.run()
    this.first.onclick = () => this.choose(0)
    this.second.onclick = () => this.choose(1)
    this.listener = (event) => this.key(event)
    window.addEventListener("keydown", this.listener)
    this.running = 0
  }

  close() {
    this.running = 0 // whatever waits finds that it is not wanted any more
    window.removeEventListener("keydown", this.listener)
  }

  show(data) {
    if (this.data && this.data.run === data.run) return
    this.data = data
    this.running = 0
    this.canvas.ariaLabel = data.label
    ;[this.first, this.second].forEach((button, number) => (button.textContent = `${data.keys[number].toUpperCase()}: ${data.names[number]}`))
    this.wipe()
    this.resting(`${data.pictures.length} pictures, each for ${data.milliseconds} milliseconds.`)
  }

  resting(words) {
    this.told.textContent = words
    this.start.hidden = false
    this.first.hidden = this.second.hidden = true
  }

  async run() {
    const mine = (this.running = Math.random())
    this.start.hidden = true
    this.first.hidden = this.second.hidden = false
    this.root.focus({ preventScroll: true })
    const { pictures, masks, run } = this.data
    const [shown, hiding] = await Promise.all([pictures, masks].map((many) => Promise.all(many.map(decoded))))
    const answers = []
    for (const [number, picture] of shown.entries()) {
      this.told.textContent = `${number + 1} of ${shown.length}`
      await this.during(CROSS, () => this.cross())
      const lasted = await this.during(this.data.milliseconds, () => this.draw(picture))
      for (const mask of hiding) await this.during(MASK, () => this.draw(mask))
      this.wipe()
      if (this.running !== mine) return
      const [choice, after] = await this.answer()
      if (this.running !== mine) return
      answers.push({ choice, shown: lasted, after })
      await this.during(REST, () => this.wipe())
    }
    if (this.running !== mine) return
    this.running = 0
    this.resting("Thank you. The answers are counted below.")
    this.tell({ run, answers })
  }

  // Draw with the next frame, and wait until it was there for so long; gives how long it was.
  during(milliseconds, paint) {
    return new Promise((done) => {
      requestAnimationFrame((began) => {
        paint()
        const look = (now) => (now - began >= milliseconds - HALF_A_FRAME ? done(now - began) : requestAnimationFrame(look))
        requestAnimationFrame(look)
      })
    })
  }

  answer() {
    return new Promise((done) => {
      const began = performance.now()
      const timer = setTimeout(() => this.chosen(-1), PATIENCE)
      this.chosen = (choice) => {
        clearTimeout(timer)
        this.chosen = null
        done([choice, performance.now() - began])
      }
    })
  }

  choose(choice) {
    if (this.chosen) this.chosen(choice)
  }

  key(event) {
    const choice = this.running ? this.data.keys.indexOf(event.key.toLowerCase()) : -1
    if (choice < 0) return
    event.preventDefault()
    event.stopPropagation()
    this.choose(choice)
  }

  draw(picture) {
    this.brush.imageSmoothingEnabled = picture.width > 64 // masks keep their squares
    this.brush.drawImage(picture, 0, 0, this.canvas.width, this.canvas.height)
  }

  wipe() {
    this.brush.fillStyle = "#808080"
    this.brush.fillRect(0, 0, this.canvas.width, this.canvas.height)
  }

  cross() {
    this.wipe()
    const middle = this.canvas.width / 2
    this.brush.fillStyle = "white"
    this.brush.fillRect(middle - 12, middle - 2, 24, 4)
    this.brush.fillRect(middle - 2, middle - 12, 4, 24)
  }
}

async function decoded(address) {
  const picture = new Image()
  picture.src = address
  await picture.decode()
  return picture
}
