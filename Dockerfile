# docker build -t convscope .
# docker run -p 8501:8501 convscope
FROM python:3.11-slim

# Where pip looks for PyTorch beside its usual index. Empty, it takes the build PyTorch publishes as its plain one,
# which on x86-64 brings CUDA along; the address of PyTorch's CPU builds makes the image several GB smaller.
ARG TORCH_INDEX=""
# Networks whose official weights are laid into the image, as in --build-arg NETWORKS="resnet18 vgg16".
ARG NETWORKS=""

ENV VIZCORE_CACHE=/cache PYTHONUNBUFFERED=1
WORKDIR /convscope

COPY requirements.txt .
RUN pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -r requirements.txt

COPY . .
RUN useradd --create-home reader && install -d -o reader "$VIZCORE_CACHE"
USER reader
RUN [ -z "$NETWORKS" ] || python -m vizcore fetch $NETWORKS

# Weights and indexes. What the image holds here is copied into a new volume.
VOLUME /cache
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from http.client import HTTPConnection; server = HTTPConnection('127.0.0.1', 8501, timeout=4); server.request('GET', '/_stcore/health'); exit(server.getresponse().status != 200)"]
CMD ["python", "-m", "streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.port=8501"]
