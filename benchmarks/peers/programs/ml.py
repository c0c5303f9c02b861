"""MLServer, as "Custom Inference Runtimes" of its documentation has it: one worker, no batches."""

from mlserver import MLModel
from mlserver.codecs import Base64Codec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.programs.work import Work


class Detect(MLModel):
    """One frame a request."""

    async def load(self) -> bool:
        """Load the model."""
        self.work = Work()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Do the work."""
        image, size = payload.inputs
        (content,) = Base64Codec.decode_input(image)
        width, height = size.data.root
        answer = self.work(content, width, height).decode()
        return InferenceResponse(model_name=self.name, outputs=[StringCodec.encode_output("answer", [answer])])
