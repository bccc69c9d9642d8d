// Live decoding: every picture that was grabbed comes back as the decoder of each layer draws it.

const PIXELS = 128 // of a side up to which a picture is drawn in whole pixels
const boxes = new WeakMap()

export default function ({ data: [data], parentElement }) {
  let box = boxes.get(parentElement)
  if (!box) {
    box = new LiveDecoder(parentElement)
    boxes.set(parentElement, box)
  }
  box.show(data)
  return () => {
    box.close()
    boxes.delete(parentElement)
  }
}

class LiveDecoder extends Live {
  constructor(parent) {
    super(parent.querySelector(".decoder"), "decoded", { width: 1088, height: 300 })
    this.depths = parent.querySelector(".depths")
    this.answer = parent.querySelector(".answer")
    this.words = []
  }

  show(data) {
    const before = this.data
    this.begin(data)
    if (before?.address === data.address) return
    this.drawings = data.layers.map((layer) => {
      const figure = document.createElement("figure")
      const drawing = document.createElement("canvas")
      drawing.role = "img"
      drawing.ariaLabel = `decoded from ${layer}`
      drawing.width = drawing.height = data.side
      figure.append(drawing, element("figcaption", layer))
      return { layer, figure, drawing }
    })
    this.root.style.setProperty("--columns", 1 + data.layers.length)
    this.depths.replaceChildren(...this.drawings.map((one) => one.figure))
    for (const drawing of [this.seen, ...this.drawings.map((one) => one.drawing)])
      drawing.classList.toggle("whole", data.side <= PIXELS)
  }

  question() {
    return {}
  }

  async take(message, number) {
    const length = new DataView(message).getUint32(0, true)
    const note = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, length)))
    const sheet = await createImageBitmap(new Blob([new Uint8Array(message, 4 + length)], { type: "image/png" }))
    if (number < this.drawn || !this.address) return
    this.drawn = number
    const [first, ...answers] = note.answers.map(([label, share]) => `${label}, ${share}`)
    this.answer.textContent = `what it sees: ${first}`
    this.words = this.drawings.map(({ layer }, place) => `${layer}: ${answers[place]}`)
    const side = sheet.height
    this.drawings.forEach(({ figure, drawing }, place) => {
      drawing.getContext("2d").drawImage(sheet, place * side, 0, side, side, 0, 0, drawing.width, drawing.height)
      figure.lastChild.textContent = this.words[place]
    })
    this.screen?.()
  }

  drawScreen(brush) {
    const style = getComputedStyle(this.root)
    brush.fillStyle = style.getPropertyValue("--st-background-color") || "white"
    brush.fillRect(0, 0, 1088, 300)
    brush.imageSmoothingEnabled = !this.seen.classList.contains("whole")
    brush.fillStyle = style.color
    brush.font = `15px ${style.fontFamily}`
    const drawn = [this.seen, ...this.drawings.map((one) => one.drawing)]
    const words = [this.answer.textContent, ...this.words]
    drawn.forEach((one, place) => {
      const wide = 1088 / drawn.length
      const edge = Math.min(256, wide - 16)
      brush.drawImage(one, place * wide + 8, 8, edge, edge)
      brush.fillText(words[place] ?? "", place * wide + 8, edge + 28, edge)
    })
  }
}
